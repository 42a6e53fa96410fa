package reports

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func TestParseSpec(t *testing.T) {
	spec, err := ParseSpec("junit=out/a=b.xml")
	require.NoError(t, err)
	assert.Equal(t, Spec{JUnit{}, "out/a=b.xml"}, spec)
	for in, want := range map[string]string{
		"junit":          `report "junit": want FORMAT=PATH, with one of the formats ` + formatList(),
		"pdf=a":          `report "pdf=a": there is no format "pdf"; use one of ` + formatList(),
		"=a":             `report "=a": there is no format ""; use one of ` + formatList(),
		"json=":          `report "json=": the path is missing; want json=PATH`,
		"json=-":         `report "json=-": reports are files; name one, or /dev/stdout`,
		"json=out.jsonl": `report "json=out.jsonl": .jsonl is the ending of the spool beside it; use .json`,
	} {
		t.Run(in, func(t *testing.T) {
			_, err := ParseSpec(in)
			assert.EqualError(t, err, want)
		})
	}
}

func TestParseSpecs(t *testing.T) {
	specs, err := ParseSpecs([]string{"json=a", "junit=b"})
	require.NoError(t, err)
	assert.Len(t, specs, 2)
	_, err = ParseSpecs([]string{"json=out/a", "junit=./out//a"})
	assert.EqualError(t, err, `report "junit=./out//a": "json=out/a" writes the same file; give each its own`)
	_, err = ParseSpecs([]string{"nothing"})
	assert.Error(t, err)
}

// failing is a format that breaks half-way.
type failing struct{}

func (failing) Name() string { return "failing" }

func (failing) Wrote(io.Reader) bool { return false }

func (failing) Write(w io.Writer, _ *verdicts.Record) error {
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		return err
	}
	return errors.New("half-way")
}

func TestWriteIsAllOrNothing(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "new", "results.json")
	require.NoError(t, Write(Spec{JSON{}, path}, fakeRun(3)))
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	err = Write(Spec{failing{}, path}, fakeRun(3))
	assert.EqualError(t, err, "writing failing report "+path+": half-way")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after, "the old report stands")
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing is left behind")

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

func TestWriteAllGoesOn(t *testing.T) {
	folder := t.TempDir()
	bad, good := filepath.Join(folder, "folder"), filepath.Join(folder, "good.xml")
	require.NoError(t, os.Mkdir(bad, 0o755))
	err := WriteAll([]Spec{{JSON{}, bad}, {JUnit{}, good}}, fakeRun(3))
	assert.ErrorContains(t, err, "writing json report "+bad)
	assert.FileExists(t, good)
}

func TestWriteFollowsALinkAndKeepsIt(t *testing.T) {
	folder := t.TempDir()
	real, link := filepath.Join(folder, "real.json"), filepath.Join(folder, "link.json")
	require.NoError(t, os.WriteFile(real, []byte("old"), 0o600))
	require.NoError(t, os.Symlink(real, link))
	require.NoError(t, Write(Spec{JSON{}, link}, fakeRun(3)))
	got, err := Read(real)
	require.NoError(t, err)
	assert.Len(t, list(got), 111)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
}

func TestWriteNeverReplacesADevice(t *testing.T) {
	require.NoError(t, Write(Spec{JSON{}, os.DevNull}, fakeRun(3)))
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	assert.False(t, info.Mode().IsRegular())
}
