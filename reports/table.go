package reports

import (
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// density is how much air a table has.
type density int

const (
	roomy density = iota
	tight
)

// table draws one, as it is given: nothing is wrapped, trimmed or changed, so
// that tenants are called what they are called.
func table(header []string, rows [][]string, d density) (string, error) {
	var b strings.Builder
	t := tablewriter.NewTable(&b, options(d)...)
	t.Header(header)
	if err := t.Bulk(rows); err != nil {
		return "", fmt.Errorf("drawing the matrix: %w", err)
	}
	if err := t.Render(); err != nil {
		return "", fmt.Errorf("drawing the matrix: %w", err)
	}
	return b.String(), nil
}

func options(d density) []tablewriter.Option {
	padding := tw.Padding{Left: tw.Space, Right: tw.Space, Overwrite: true}
	lines := tw.On
	if d == tight {
		padding.Right = tw.Empty
		lines = tw.Off
	}
	return []tablewriter.Option{
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.Border{Left: lines, Right: lines, Top: tw.On, Bottom: tw.On},
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: lines, BetweenRows: tw.Off},
			},
		})),
		// The lines and symbols are one cell wide in every locale that matters;
		// taking them for two would pull the table apart.
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(padding),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
	}
}
