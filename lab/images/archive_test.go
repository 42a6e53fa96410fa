package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteAndContents(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "pause")
	if err := os.WriteFile(binary, []byte("binary"), 0o600); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, file := range []string{"one.tar", "two.tar"} {
		archive := filepath.Join(dir, file)
		if err := Own()[0].Write(binary, archive); err != nil {
			t.Fatal(err)
		}
		contents, err := Contents(archive)
		if err != nil {
			t.Fatal(err)
		}
		if len(contents) != 1 || !strings.HasPrefix(contents[Pause], "sha256:") {
			t.Fatalf("contents of %s: %v", file, contents)
		}
		ids[contents[Pause]] = true
	}
	if len(ids) != 1 {
		t.Errorf("the same binary gave different images: %v", ids)
	}
}

func TestContentsOfRubbish(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "rubbish.tar")
	if err := os.WriteFile(archive, []byte("not a tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Contents(archive)
	if err == nil || !strings.Contains(err.Error(), archive) {
		t.Errorf("the error must name the archive: %v", err)
	}
}
