package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written is what a format writes.
func written(t *testing.T, f Format) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, f.Write(&b, fakeRun(3)))
	return b.String()
}

func TestOnlyItsOwnReportsAreReplaced(t *testing.T) {
	jsonText, junitText := written(t, JSON{}), written(t, JUnit{})
	for name, tc := range map[string]struct {
		format Format
		text   string
		ours   bool
	}{
		"its own JSON":               {JSON{}, jsonText, true},
		"its own JSON, laid out":     {JSON{}, "{\n  \"header\": {\n    \"kind\": \"Results\",\n    \"apiVersion\": \"partywall.dev/v1\"\n  }\n}\n", true},
		"its own JUnit":              {JUnit{}, junitText, true},
		"its own JUnit, cut short":   {JUnit{}, junitText[:200], true},
		"nothing in it":              {JSON{}, "", true},
		"JUnit for JSON":             {JSON{}, junitText, false},
		"JSON for JUnit":             {JUnit{}, jsonText, false},
		"a tenancy file":             {JSON{}, `{"apiVersion":"partywall.dev/v1alpha1","kind":"Tenancy"}`, false},
		"somebody's header":          {JSON{}, `{"header":{"apiVersion":"v1","kind":"Results"}}`, false},
		"a header of another kind":   {JSON{}, `{"header":{"apiVersion":"partywall.dev/v1","kind":"Plan"}}`, false},
		"a header that is none":      {JSON{}, `{"header":[]}`, false},
		"a list":                     {JSON{}, `[{"header":{}}]`, false},
		"words":                      {JSON{}, "hello\n", false},
		"a space":                    {JSON{}, " ", false},
		"somebody's JUnit":           {JUnit{}, `<testsuites name="jest"><testsuite name="partywall"/></testsuites>`, false},
		"JUnit without a name":       {JUnit{}, `<testsuites><testsuite name="partywall"/></testsuites>`, false},
		"another element":            {JUnit{}, `<testsuite name="partywall"/>`, false},
		"a page that is not for XML": {JUnit{}, `<html name=partywall>`, false},
		"words for XML":              {JUnit{}, "hello\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "report")
			require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o600))
			err := Spec{tc.format, path}.Replaceable()
			if tc.ours {
				require.NoError(t, err)
				return
			}
			assert.EqualError(t, err, path+" is no "+tc.format.Name()+
				" report of Partywall's and is not replaced; move it away, or give the report another path")
		})
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "new"), t.TempDir(), os.DevNull} {
		assert.NoError(t, Spec{JSON{}, path}.Replaceable(), "no file whose content could be lost: %s", path)
	}
}

func TestOnlyASpoolIsReplacedByASpool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	writeSpool(t, path, smallRun())
	require.NoError(t, SpoolReplaceable(path))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range 60 {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
		require.NoError(t, SpoolReplaceable(path), "torn after %d bytes", n)
	}
	for _, text := range []string{"{}\n", `{"header":"Date","value":1}` + "\n", "a", strings.Repeat("x", 100)} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		assert.EqualError(t, SpoolReplaceable(path), path+" is no record of a Partywall run and is not replaced; move it away, or give the report another path")
	}
}
