package reports

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/partywall/partywall/bundle"
	"github.com/partywall/partywall/verdicts"
)

// Bundle is the run's whole evidence in one archive: all reports, and what else
// there is of the run, behind a manifest of their digests.
type Bundle struct {
	Signer *bundle.Signer // nil: it is not signed
	Extra  []bundle.File  // beside the reports
}

// bundled are the reports in a bundle, by the names of their formats. The
// statement is the manifest.
var bundled = map[string]string{
	"json": "results.json", "junit": "junit.xml", "html": "report.html", "csv": "results.csv",
	"markdown": "report.md", "prometheus": "metrics.prom", "sarif": "results.sarif", "oscal": "results.oscal.json",
}

// Name is "bundle".
func (*Bundle) Name() string { return "bundle" }

// Write packs the record and all that goes with it.
func (b *Bundle) Write(w io.Writer, rec *verdicts.Record) error {
	files := append([]bundle.File{}, b.Extra...)
	for _, f := range formats {
		if name := bundled[f.Name()]; name != "" {
			files = append(files, bundle.File{Name: name, Write: func(w io.Writer) error { return f.Write(w, rec) }})
		}
	}
	return bundle.Write(w, files, rec.Header.Started, func(subjects []bundle.Subject) ([]byte, error) {
		resources := make([]inTotoResource, len(subjects))
		for i, s := range subjects {
			resources[i] = inTotoResource{Name: s.Name, Digest: map[string]string{"sha256": s.SHA256}}
		}
		var b bytes.Buffer
		err := writeStatement(&b, rec, resources)
		return b.Bytes(), err
	}, b.Signer)
}

// ReadManifest reads the manifest of a bundle of ours. It takes nothing that
// Write does not write to the letter, so that no other reader can be told of
// other files.
func ReadManifest(text []byte) ([]bundle.Subject, error) {
	var s inTotoFile
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	var again bytes.Buffer
	if err := s.write(&again); err != nil {
		return nil, err
	}
	if !bytes.Equal(again.Bytes(), text) || s.Type != inTotoStatement || s.PredicateType != inTotoTestResult || !s.ours() {
		return nil, errors.New("it is none of an evidence bundle's")
	}
	subjects := make([]bundle.Subject, len(s.Subject))
	for i, file := range s.Subject {
		if len(file.Digest) != 1 || file.Digest["sha256"] == "" {
			return nil, fmt.Errorf("it has another digest of %q than the one by SHA-256", file.Name)
		}
		subjects[i] = bundle.Subject{Name: file.Name, SHA256: file.Digest["sha256"]}
	}
	if !slices.ContainsFunc(subjects, func(s bundle.Subject) bool { return s.Name == inTotoSubject }) {
		return nil, fmt.Errorf("it lists no %s", inTotoSubject)
	}
	return subjects, nil
}

// Wrote looks for the manifest at the head of the archive.
func (*Bundle) Wrote(r io.Reader) bool {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return false
	}
	first, err := tar.NewReader(zipped).Next()
	return err == nil && first.Name == bundle.ManifestName
}
