package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// maxBeginning bounds what is read of a file to see whose it is. The header of
// a record names every namespace of every tenant.
const maxBeginning = 16 << 20

// group is the part of APIVersion that all versions share: a report that
// another version wrote may be replaced too.
const group = "partywall.dev/"

// Replaceable refuses a path at which there is something else than an earlier
// report of the same format: a mistyped path must not cost anybody a file.
func (s Spec) Replaceable() error {
	return replaceable(s.Path, s.Format.Wrote, s.Format.Name()+" report of Partywall's")
}

// SpoolReplaceable does the same for the path of a spool.
func SpoolReplaceable(path string) error {
	return replaceable(path, wroteSpool, "record of a Partywall run")
}

func replaceable(path string, ours func(io.Reader) bool, what string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil // what cannot be seen here fails when it is written
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("whether %s may be replaced cannot be seen: %w; move it away, or give the report another path", path, err)
	}
	defer f.Close()
	if !ours(bufio.NewReader(io.LimitReader(f, maxBeginning))) {
		return fmt.Errorf("%s is no %s and is not replaced; move it away, or give the report another path", path, what)
	}
	return nil
}

// Wrote looks for the header, also in a file that was laid out anew since.
func (JSON) Wrote(r io.Reader) bool {
	dec := json.NewDecoder(r)
	for _, want := range []json.Token{json.Delim('{'), "header"} {
		if token, err := dec.Token(); err != nil || token != want {
			return false
		}
	}
	var h verdicts.Header
	return dec.Decode(&h) == nil && strings.HasPrefix(h.APIVersion, group) && h.Kind == Kind
}

// Wrote looks for the name of the root element.
func (JUnit) Wrote(r io.Reader) bool {
	dec := xml.NewDecoder(r)
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return isRoot(root)
		}
	}
}

func isRoot(e xml.StartElement) bool {
	for _, a := range e.Attr {
		if a.Name.Local == "name" {
			return e.Name.Local == rootElement && a.Value == rootName
		}
	}
	return false
}

// wroteSpool takes also a beginning that a full disk cut short.
func wroteSpool(r io.Reader) bool {
	want := []byte(`{"header":{"apiVersion":"` + group)
	got := make([]byte, len(want))
	n, err := io.ReadFull(r, got)
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && bytes.HasPrefix(want, got[:n])
}
