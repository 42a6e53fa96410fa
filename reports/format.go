package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// Format writes a record in one notation.
type Format interface {
	// Name is what the user calls it, as in --report junit=PATH.
	Name() string
	// Write writes the whole record.
	Write(w io.Writer, rec *verdicts.Record) error
	// Wrote says whether a file begins as what this format writes.
	Wrote(r io.Reader) bool
}

// formats are the file formats there are, by name.
var formats = []Format{JSON{}, JUnit{}, HTML{}, CSV{}, Markdown{}, Prometheus{}, SARIF{}, OSCAL{}, InToto{}}

// Formats lists the names that a report spec may use.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for _, f := range formats {
		names = append(names, f.Name())
	}
	return names
}

// Spec is one report that the user asked for.
type Spec struct {
	Format Format
	Path   string
}

// ParseSpec reads FORMAT=PATH.
func ParseSpec(s string) (Spec, error) {
	name, path, found := strings.Cut(s, "=")
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name() == name })
	switch {
	case !found:
		return Spec{}, fmt.Errorf("report %q: want FORMAT=PATH, with one of the formats %s", s, formatList())
	case i < 0:
		return Spec{}, fmt.Errorf("report %q: there is no format %q; use one of %s", s, name, formatList())
	case path == "":
		return Spec{}, fmt.Errorf("report %q: the path is missing; want %s=PATH", s, name)
	case name == JSON{}.Name() && filepath.Ext(path) == spoolExt:
		return Spec{}, fmt.Errorf("report %q: %s is the ending of the spool beside it; use .json", s, spoolExt)
	case path == "-":
		return Spec{}, fmt.Errorf("report %q: reports are files; name one, or /dev/stdout", s)
	}
	return Spec{Format: formats[i], Path: path}, nil
}

// ParseSpecs reads several, and refuses two that would overwrite each other.
func ParseSpecs(list []string) ([]Spec, error) {
	var specs []Spec
	taken := map[string]string{}
	for _, s := range list {
		spec, err := ParseSpec(s)
		if err != nil {
			return nil, err
		}
		path := filepath.Clean(spec.Path)
		if earlier, ok := taken[path]; ok {
			return nil, fmt.Errorf("report %q: %q writes the same file; give each its own", s, earlier)
		}
		taken[path] = s
		specs = append(specs, spec)
	}
	return specs, nil
}

func formatList() string { return strings.Join(Formats(), ", ") }

// Write writes one report, whole or not at all.
func Write(spec Spec, rec *verdicts.Record) error {
	err := writeFile(spec.Path, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		if err := spec.Format.Write(buffered, rec); err != nil {
			return err
		}
		return buffered.Flush()
	})
	if err != nil {
		return fmt.Errorf("writing %s report %s: %w", spec.Format.Name(), spec.Path, err)
	}
	return nil
}

// WriteAll writes every report, also after one that failed.
func WriteAll(specs []Spec, rec *verdicts.Record) error {
	var errs []error
	for _, s := range specs {
		errs = append(errs, Write(s, rec))
	}
	return errors.Join(errs...)
}
