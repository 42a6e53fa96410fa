// Package docs tests that its pages tell the truth, as far as a program can.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every test that the page of hazards names exists, and every hazard names one
// or says that there is none.
func TestEveryHazardHasItsTest(t *testing.T) {
	page, err := os.ReadFile("hazards.md")
	require.NoError(t, err)
	tests := testsOf(t, "..")
	require.NotEmpty(t, tests)
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)(?:/([^`]+))?`")
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		found := names.FindAllStringSubmatch(line, -1)
		if strings.HasPrefix(line, "| ") && !strings.HasSuffix(line, "| Tests |") {
			rows++
			assert.True(t, len(found) > 0 || strings.HasSuffix(line, "| none |"), "no test is named: %s", line)
		}
		for _, f := range found {
			words, ok := tests[f[1]]
			assert.True(t, ok, "hazards.md names %s, and no such test exists", f[1])
			assert.True(t, f[2] == "" || words[f[2]], "hazards.md names %s, and %s has no such case", f[0], f[1])
		}
	}
	assert.Greater(t, rows, 20)
}

// testsOf finds the test functions below a folder, and the strings in each,
// among which are the names of its cases.
func testsOf(t *testing.T, root string) map[string]map[string]bool {
	t.Helper()
	tests := map[string]map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && len(entry.Name()) > 2 && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = stringsIn(f)
			}
		}
		return nil
	}))
	return tests
}

func stringsIn(f *ast.FuncDecl) map[string]bool {
	all := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil {
				all[s] = true
			}
		}
		return true
	})
	return all
}
