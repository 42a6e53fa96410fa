package reports

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/partywall/partywall/verdicts"
)

// browser is a real Chromium, and axe, which knows what makes a page hard to
// use for somebody who does not see it, or not well: https://github.com/dequelabs/axe-core.
type browser struct{ chromium, axe string }

func newBrowser(t *testing.T) browser {
	t.Helper()
	b := browser{os.Getenv("PARTYWALL_CHROMIUM"), os.Getenv("PARTYWALL_AXE")}
	if b.chromium == "" || b.axe == "" {
		t.Skip("PARTYWALL_CHROMIUM and PARTYWALL_AXE are not set; `make test-pages` gets both and runs this")
	}
	return b
}

// open has the browser load a page, and returns what it made of it and said.
func (b browser) open(t *testing.T, page []byte, flags ...string) (dom *html.Node, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	require.NoError(t, os.WriteFile(file, page, 0o600))
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--virtual-time-budget=30000", "--dump-dom",
	}, flags...)
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, b.chromium, append(args, "file://"+file)...)
	c.Stdout, c.Stderr = &stdout, &stderr
	require.NoError(t, c.Run(), stderr.String())
	dom, err := html.Parse(&stdout)
	require.NoError(t, err)
	return dom, stderr.String()
}

var policyTag = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)

// withAxe is a page that looks at itself, which its own policy forbids.
func (b browser) withAxe(t *testing.T, page []byte) []byte {
	t.Helper()
	axe, err := os.ReadFile(b.axe)
	require.NoError(t, err)
	require.Len(t, policyTag.FindAll(page, -1), 1)
	page = policyTag.ReplaceAll(page, nil)
	look := `addEventListener("load", () => axe.run(document, {resultTypes: ["violations"]}).then(r => {
  const out = document.createElement("pre")
  out.id = "axe"
  out.textContent = JSON.stringify(r.violations.map(v => v.id + " (" + v.impact + "): " + v.nodes.map(n => n.html.slice(0, 200) + " " + n.failureSummary).join("; ")))
  document.body.append(out)
}))`
	script := "<script>" + strings.ReplaceAll(string(axe), "</script", `<\/script`) + "</script><script>" + look + "</script></body>"
	return bytes.Replace(page, []byte("</body>"), []byte(script), 1)
}

// violations are what axe finds on a page.
func (b browser) violations(t *testing.T, page []byte, flags ...string) []string {
	t.Helper()
	dom, _ := b.open(t, b.withAxe(t, page), flags...)
	var found []string
	for _, n := range all(dom, "pre", "id") {
		if value(n, "id") == "axe" {
			require.NoError(t, json.Unmarshal([]byte(n.FirstChild.Data), &found))
			return found
		}
	}
	require.Fail(t, "axe did not come to an end")
	return nil
}

// What the next test looks for is seen where it is there.
func TestTheBrowserSees(t *testing.T) {
	b := newBrowser(t)
	var page bytes.Buffer
	require.NoError(t, HTML{}.Write(&page, fakeRun(3)))
	forbidden := bytes.Replace(page.Bytes(), []byte("script-src &#39;sha256-"), []byte("script-src &#39;sha256-A"), 1)
	require.NotEqual(t, page.Bytes(), forbidden)
	_, said := b.open(t, forbidden)
	require.Contains(t, said, "CONSOLE")
	nameless := bytes.Replace(page.Bytes(), []byte("</body>"), []byte(`<img src="data:,"></body>`), 1)
	require.Contains(t, strings.Join(b.violations(t, nameless), " "), "image-alt")
}

// Every page keeps its own policy in a real browser, and axe finds nothing on it,
// light or dark.
func TestPagesInABrowser(t *testing.T) {
	b := newBrowser(t)
	page := func(write func(*bytes.Buffer) error) []byte {
		var out bytes.Buffer
		require.NoError(t, write(&out))
		return out.Bytes()
	}
	quiet := fakeRun(3)
	for i := range list(quiet) {
		list(quiet)[i].Verdict, list(quiet)[i].Fails = verdicts.Isolated, false
	}
	quiet.Summary = summarise(quiet)
	nights := t.TempDir()
	for i, change := range []func(*verdicts.Record){nil, leaksAt(0), leaksAt(0)} {
		keepNight(t, nights, i, change)
	}
	history, err := ReadHistory(nights)
	require.NoError(t, err)
	for name, text := range map[string][]byte{
		"a run":            page(func(w *bytes.Buffer) error { return HTML{Framework: segmentation}.Write(w, fakeRun(3)) }),
		"a run of no leak": page(func(w *bytes.Buffer) error { return HTML{}.Write(w, quiet) }),
		"many tenants":     page(func(w *bytes.Buffer) error { return HTML{}.Write(w, fakeRun(60)) }),
		"hostile names": page(func(w *bytes.Buffer) error {
			return HTML{}.Write(w, hostileRecord(`</script><script>alert(1)</script>`))
		}),
		"a history": page(func(w *bytes.Buffer) error { return WriteTrend(w, history) }),
	} {
		for scheme, flag := range map[string]string{"light": "--blink-settings=preferredColorScheme=1", "dark": "--blink-settings=preferredColorScheme=0"} {
			t.Run(fmt.Sprintf("%s, %s", name, scheme), func(t *testing.T) {
				_, said := b.open(t, text, flag)
				assert.NotContains(t, said, "CONSOLE", "the page's scripts and styles run under its policy, and say nothing")
				assert.Empty(t, b.violations(t, text, flag))
			})
		}
	}
}
