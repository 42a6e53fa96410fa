package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// addOutput adds kubectl's flag for output formats, of which there is one.
func addOutput(c *cobra.Command, format *string, usage string) {
	c.Flags().StringVarP(format, "output", "o", "", usage)
	complete(c, "output", "json")
}

func checkOutput(c *cobra.Command, format string) error {
	if format == "" || format == "json" {
		return nil
	}
	return seeHelp(c, fmt.Errorf("-o: %q is no output format; there is: json", format))
}
