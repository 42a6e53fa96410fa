package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testRoot is an image with one file of each kind.
func testRoot(t *testing.T) (root Root, copied string) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(copied, []byte("tool"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Root{
		Tag: Proxy, User: IstioUser, Entrypoint: "/bin/tool",
		Files: []File{
			{Path: "tmp", Mode: 0o1777},
			{Path: "bin/tool", From: copied, Mode: 0o755},
			{Path: "bin/alias", Link: "tool"},
		},
	}, copied
}

func TestRootIsWhatItsFilesAre(t *testing.T) {
	root, _ := testRoot(t)
	archive := filepath.Join(t.TempDir(), "root.tar")
	if err := root.Write(archive); err != nil {
		t.Fatal(err)
	}
	contents, err := Contents(archive)
	if err != nil || len(contents) != 1 || contents[Proxy] == "" {
		t.Fatalf("contents: %v, %v", contents, err)
	}
	image, err := root.build()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil || config.Config.User != IstioUser || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/bin/tool" {
		t.Errorf("configuration: %+v, %v", config, err)
	}
	want := []tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeReg, Name: "bin/tool", Mode: 0o755, Size: 4},
		{Typeflag: tar.TypeSymlink, Name: "bin/alias", Linkname: "tool", Mode: 0o777},
	}
	layer := root.open()
	defer layer.Close()
	reader := tar.NewReader(layer)
	for _, w := range want {
		got, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got.Typeflag != w.Typeflag || got.Name != w.Name || got.Linkname != w.Linkname || got.Mode != w.Mode || got.Size != w.Size || got.Uid != 0 {
			t.Errorf("got %+v, want %+v", got, w)
		}
	}
	if _, err := reader.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more: %v", err)
	}
}

func TestRootWithoutItsFile(t *testing.T) {
	root, copied := testRoot(t)
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	if err := root.Write(filepath.Join(t.TempDir(), "root.tar")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("writing: %v", err)
	}
	if _, err := root.Stamp(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stamping: %v", err)
	}
}

func TestRootStampChanges(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, root *Root, copied string)
		same   bool
	}{
		{"nothing", func(*testing.T, *Root, string) {}, true},
		{"a copied file", func(t *testing.T, _ *Root, copied string) {
			if err := os.Chtimes(copied, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a mode", func(_ *testing.T, root *Root, _ string) { root.Files[0].Mode = 0o755 }, false},
		{"a link", func(_ *testing.T, root *Root, _ string) { root.Files[2].Link = "other" }, false},
		{"the user", func(_ *testing.T, root *Root, _ string) { root.User = "0:0" }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root, copied := testRoot(t)
			before, err := root.Stamp()
			if err != nil {
				t.Fatal(err)
			}
			test.change(t, &root, copied)
			after, err := root.Stamp()
			if err != nil {
				t.Fatal(err)
			}
			if (before == after) != test.same {
				t.Errorf("same stamp: %v, want %v", before == after, test.same)
			}
		})
	}
}
