package reports

import (
	"bytes"
	"fmt"
	"io"

	"github.com/partywall/partywall/verdicts"
)

// mostLayers is how many pairs' layers are listed for people; those with an open
// one come first.
const mostLayers = 40

// layersHelp says what the words in the table of layers mean.
const layersHelp = "Layers: network, of what has no proxy; mesh, of what got past the network. open: it let something through by itself; " +
	"holds: it stopped all that it was shown; not seen: something else, as a source's own proxy, stopped all that would have shown it; not known: no evidence."

// writeLayers ends a matrix of a run on a mesh.
func writeLayers(w io.Writer, all []verdicts.PairLayers, opt Options) error {
	if len(all) == 0 {
		return nil
	}
	shown := all[:min(len(all), mostLayers)]
	var rows [][]string
	for _, p := range shown {
		rows = append(rows, []string{Harmless(p.From) + " -> " + Harmless(p.To), string(p.Network), string(p.Mesh)})
	}
	drawn, err := table([]string{"from -> to", "network", "mesh"}, rows, roomy)
	if err != nil {
		return err
	}
	if fits(drawn, opt) {
		_, err = io.WriteString(w, drawn)
	} else {
		for _, row := range rows {
			writeWrapped(w, opt, "", fmt.Sprintf("%s: network %s, mesh %s", row[0], row[1], row[2]))
		}
	}
	writeWrapped(w, opt, "", layersHelp)
	if more := len(all) - len(shown); more > 0 {
		writeWrapped(w, opt, "", "And the layers of "+plural(more, "more pair")+".")
	}
	return err
}

func writeMarkdownLayers(b *bytes.Buffer, all []verdicts.PairLayers) {
	if len(all) == 0 {
		return
	}
	b.WriteString("### Layers\n\n| From → to | Network | Mesh |\n|---|---|---|\n")
	shown := all[:min(len(all), mostLayers)]
	for _, p := range shown {
		fmt.Fprintf(b, "| %s → %s | %s | %s |\n", markdownCode(p.From), markdownCode(p.To), p.Network, p.Mesh)
	}
	b.WriteString("\n" + layersHelp + "\n\n")
	if more := len(all) - len(shown); more > 0 {
		fmt.Fprintf(b, "And the layers of %s.\n\n", plural(more, "more pair"))
	}
}

// layersView are the pairs that a page lists.
type layersView struct {
	Pairs []verdicts.PairLayers
	More  int
}

func viewOfLayers(all []verdicts.PairLayers) layersView {
	shown := all[:min(len(all), mostListed)]
	return layersView{shown, len(all) - len(shown)}
}

// Help says what the words mean.
func (layersView) Help() string { return layersHelp }
