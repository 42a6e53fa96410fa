package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
)

// trending is the trend command's own flags.
type trending struct {
	*app
	report string
}

func newTrend(a *app) *cobra.Command {
	o := &trending{app: a}
	c := &cobra.Command{
		Use:   "trend FOLDER",
		Short: "Show how the runs of many nights ended",
		Long: "Reads the records (results.json, or results.jsonl) of the runs of one tenancy on one context that are kept in a\n" +
			"folder and those below it, and shows how each ended and what changed from one to the next; as a page, also which\n" +
			"walls did not hold, since when. It needs no cluster.\n\n" +
			"Exit codes: 0 whatever the runs say; 2 usage, or a folder without records or with those of different things; 4\n" +
			"something could not be read or written.",
		Example: fmt.Sprintf("  %[1]s trend nights/\n  %[1]s trend nights/ --report html=out/trend.html", a.name),
		Args:    oneFolder,
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	c.Flags().StringVar(&o.report, "report", "", "html=PATH: a page instead of the table here")
	complete(c, "report", "html=")
	return c
}

func oneFolder(c *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return seeHelp(c, fmt.Errorf("`%s` takes one folder of records, but got %d", c.CommandPath(), len(args)))
}

func (o *trending) run(c *cobra.Command, folder string) error {
	path, page := strings.CutPrefix(o.report, "html=")
	if o.report != "" && (!page || path == "") {
		return seeHelp(c, fmt.Errorf("--report: %q is no report of a trend; there is html=PATH", o.report))
	}
	if page {
		if err := reports.TrendReplaceable(path); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	h, err := reports.ReadHistory(folder)
	if err != nil {
		return err
	}
	for _, why := range h.Skipped {
		fmt.Fprintln(o.err, "left out: "+reports.Harmless(why))
	}
	if !page {
		err = reports.Trend(o.out, h)
	} else if err = reports.SaveTrend(path, h); err == nil {
		fmt.Fprintf(o.err, "wrote %s\n", path)
	}
	if err != nil {
		return cannotRun(err)
	}
	return nil
}
