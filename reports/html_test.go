package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// pageOf parses the page of a record as a browser would.
func pageOf(t *testing.T, rec *verdicts.Record) (*html.Node, string) {
	t.Helper()
	return pageIn(t, HTML{}, rec)
}

func pageIn(t *testing.T, format HTML, rec *verdicts.Record) (*html.Node, string) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, format.Write(&b, rec))
	root, err := html.Parse(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	return root, b.String()
}

// all are the elements of a kind that have an attribute, where one is named.
func all(root *html.Node, tag, attr string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag && (attr == "" || has(n, attr)) {
			found = append(found, n)
		}
	}
	return found
}

func has(n *html.Node, name string) bool { return value(n, name) != "" }

func value(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// words are the text in an element, with one space where it had any. What only
// its layout sets apart stands together.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func byID(t *testing.T, root *html.Node, id string) *html.Node {
	t.Helper()
	for n := range root.Descendants() {
		if value(n, "id") == id {
			return n
		}
	}
	require.FailNow(t, "there is no element "+id)
	return nil
}

func dataOf(t *testing.T, root *html.Node) (heatJSON, []attemptJSON) {
	t.Helper()
	var data struct {
		Heat     heatJSON
		Attempts []attemptJSON
	}
	require.NoError(t, json.Unmarshal([]byte(byID(t, root, "data").FirstChild.Data), &data))
	return data.Heat, data.Attempts
}

func TestThePageTellsTheRun(t *testing.T) {
	rec := fakeRun(5)
	rec.Header.Planned = rec.Results.Len() + 2
	rec.Summary.LeftOut("2 of 367 attempts were left out by --suite=network")
	rec.Header.Filters, rec.Header.Unclaimed = []string{"--suite=network"}, []string{"orphan"}
	root, _ := pageOf(t, rec)
	summary := words(byID(t, root, "summary"))
	assert.Contains(t, summary, "The walls do not hold: 8 attempts failed")
	assert.Contains(t, summary, "Of 367 attempts that were planned, 365 have a result: 6 leak, 2 broken, 3 inconclusive, 1 noted leak, 1 excepted, 7 allowed, 345 isolated.")
	assert.Contains(t, summary, "Controls: 144 of 144 reached, as they must. Not everything was tried")
	coverage := words(byID(t, root, "coverage"))
	for _, want := range []string{"367 attempts planned, 365 with a result, 2 without one", "✓ isolateddenied, and both sides prove it345345",
		"2 of 367 attempts were left out", "Asked for with filters: --suite=network", "no tenant claims: orphan", "the same port did not answer its control either"} {
		assert.Contains(t, coverage, want)
	}
	exceptions := words(byID(t, root, "exceptions"))
	assert.Contains(t, exceptions, "network-team2027-03-31split-horizon DNS lands in Q2high1hooli → acme")
	run := words(byID(t, root, "run"))
	for _, want := range []string{"7c1f9a", "2026-11-24 03:00:00 UTC", "ci", "kind-staging", "v1.37.2", "Cilium v1.20.2", "Istio", "0.1.0", "ghcr.io/partywall/probe:0.1.0", "5 tenants and 1 shared service"} {
		assert.Contains(t, run, want)
	}
	assert.Contains(t, words(byID(t, root, "method")), "at or above the severity high")
}

func TestThePageListsCausesTheWorstFirst(t *testing.T) {
	root, _ := pageOf(t, fakeRun(5))
	var titles []string
	for _, h := range all(byID(t, root, "findings"), "h3", "") {
		titles = append(titles, words(h))
	}
	assert.Equal(t, []string{
		"✗ LEAK acme can get into namespace web of globex",
		"! broken globex may reach namespace web of acme, and cannot",
		"? inconclusive No evidence on 1 pair: the same port did not answer its control either",
		"~ noted leak initech can get into namespace web of acme",
	}, titles)
	first := words(all(byID(t, root, "findings"), "article", "")[0])
	for _, want := range []string{"Severityhigh", "6, by the checks tcp", "acme → globex", "allow TCP ingress on port 9007", "partywall run --only", "6 attempts with all evidence"} {
		assert.Contains(t, first, want)
	}
}

func TestOneHoleIsOneFinding(t *testing.T) {
	rec := &verdicts.Record{}
	all := verdicts.List{}
	for i := range 20 {
		for k := range 20 {
			r := fakeResult(tenantName(i+1), "acme", []string{"tcp", "udp"}[k%2], k)
			leaks(&r)
			r.Remedy = fmt.Sprint("close port ", k)
			all = append(all, r)
		}
	}
	rec.Results = all
	rec.Summary = verdicts.Summarise(all, began)
	p, err := newPage(rec, nil)
	require.NoError(t, err)
	require.Len(t, p.Findings, 1)
	f := p.Findings[0]
	assert.Equal(t, "20 tenants can get into namespace web of acme", f.Title)
	assert.Equal(t, 400, f.Count)
	assert.Equal(t, "tcp, udp", f.Checks)
	assert.Len(t, f.Remedies, mostRemedies)
	assert.True(t, f.MoreRems)
	assert.Len(t, f.Pairs, mostPairsNamed)
	assert.Equal(t, 8, f.MoreOf)
	assert.Equal(t, mostToldOfOne, f.Told)
}

// What a tenant's proxies are told is one finding of theirs, whoever it is of, and
// apart from what is open there.
func TestWhatProxiesAreToldIsOneFinding(t *testing.T) {
	all := verdicts.List{}
	for i := range 3 {
		for _, address := range []suites.Address{suites.ProxyView, suites.ServiceName} {
			r := fakeResult("acme", tenantName(i+1), "known", 0)
			leaks(&r)
			r.Suite, r.Address = "mesh", address
			all = append(all, r)
		}
	}
	p, err := newPage(&verdicts.Record{Results: all, Summary: verdicts.Summarise(all, began)}, nil)
	require.NoError(t, err)
	require.Len(t, p.Findings, 4)
	i := slices.IndexFunc(p.Findings, func(f causeView) bool { return f.Count == 3 })
	require.GreaterOrEqual(t, i, 0)
	assert.Contains(t, p.Findings[i].Title, "The mesh tells the proxies of acme of others: ")
}

// TestTheVerdictIsNeverTooGood: only a whole run that ended well is.
func TestTheVerdictIsNeverTooGood(t *testing.T) {
	good := verdicts.List{fakeResult("acme", "globex", "tcp", 0)}
	for name, c := range map[string]struct {
		results verdicts.List
		change  func(*verdicts.Summary)
		tone    string
	}{
		"all isolated":       {good, nil, "good"},
		"a part on request":  {good, func(s *verdicts.Summary) { s.LeftOut("less") }, "good"},
		"unfinished":         {good, func(s *verdicts.Summary) { s.Unfinished("killed") }, "unsure"},
		"nothing was tried":  {nil, nil, "unsure"},
		"another exit code":  {good, func(s *verdicts.Summary) { s.Exit = 3 }, "unsure"},
		"inconclusive":       {verdicts.List{{Verdict: verdicts.Inconclusive}}, nil, "unsure"},
		"of another version": {verdicts.List{{Verdict: "porous"}}, nil, "unsure"},
		"a hidden leak":      {verdicts.List{{Verdict: verdicts.Leak, Fails: true}}, func(s *verdicts.Summary) { *s = verdicts.Summary{} }, "bad"},
		"failure beside all": {good, func(s *verdicts.Summary) { s.Failures = 1; s.Unfinished("killed") }, "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := &verdicts.Record{Results: c.results, Summary: verdicts.Summarise(c.results, began)}
			if c.change != nil {
				c.change(&rec.Summary)
			}
			p, err := newPage(rec, nil)
			require.NoError(t, err)
			assert.Equal(t, c.tone, p.Tone, p.Verdict)
		})
	}
}

// TestThePolicyKnowsWhatIsInThePage checks the hashes as a browser does, and
// that there is nothing that the policy would have to stop.
func TestThePolicyKnowsWhatIsInThePage(t *testing.T) {
	root, text := pageOf(t, hostileRecord(`</script><script>alert(1)</script>`))
	metas := all(root, "meta", "http-equiv")
	require.Len(t, metas, 1)
	policy := value(metas[0], "content")
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	inline := append(all(root, "script", ""), all(root, "style", "")...)
	require.Len(t, inline, 3, "the data, the program and the style")
	for _, n := range inline {
		if value(n, "type") == "application/json" {
			continue
		}
		sum := sha256.Sum256([]byte(n.FirstChild.Data))
		assert.Contains(t, policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			assert.NotContains(t, []string{"src", "srcset", "style", "action", "data", "formaction"}, a.Key)
			assert.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
			if a.Key == "href" {
				assert.True(t, strings.HasPrefix(a.Val, "#"), "nothing leads out of the page: %s", a.Val)
			}
		}
	}
	assert.NotRegexp(t, regexp.MustCompile(`https?://`), text)
}

func TestHostileStringsStayText(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			root, text := pageOf(t, hostileRecord(s))
			assert.Equal(t, harmlessText(text), text, "nothing that misleads a reader is left")
			assert.Len(t, all(root, "script", ""), 2)
			for _, tag := range []string{"failure", "iframe", "img"} {
				assert.Empty(t, all(root, tag, ""))
			}
			heat, attempts := dataOf(t, root)
			assert.Equal(t, word(s), heat.Cols[0].Name)
			require.Len(t, attempts, len(everyVerdict))
			assert.Equal(t, line(s), attempts[0].Why)
			assert.Equal(t, word(s), firstOf(byID(t, root, "run"), "dd"), "and nothing of it is lost")
		})
	}
}

// firstOf is the text of the first element of a kind, as it stands.
func firstOf(n *html.Node, tag string) string {
	var b strings.Builder
	for d := range all(n, tag, "")[0].Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// TestThePageCanBeUsedWithoutAMouse checks what a parser can see of it: parts
// have names, tables heads, fields labels, and ids are their own.
func TestThePageCanBeUsedWithoutAMouse(t *testing.T) {
	root, _ := pageOf(t, fakeRun(5))
	ids := map[string]bool{}
	for n := range root.Descendants() {
		if id := value(n, "id"); id != "" {
			assert.False(t, ids[id], id)
			ids[id] = true
		}
	}
	for n := range root.Descendants() {
		for _, ref := range []string{"aria-labelledby", "aria-describedby"} {
			if id := value(n, ref); id != "" {
				assert.True(t, ids[id], id)
			}
		}
	}
	for _, a := range all(root, "a", "href") {
		assert.True(t, ids[strings.TrimPrefix(value(a, "href"), "#")], value(a, "href"))
	}
	for _, table := range all(root, "table", "") {
		assert.Len(t, all(table, "caption", ""), 1)
		assert.NotEmpty(t, all(table, "th", "scope"))
	}
	for _, tag := range []string{"input", "select"} {
		for _, field := range all(root, tag, "") {
			assert.Equal(t, "label", field.Parent.Data)
		}
	}
	assert.Equal(t, "en", value(all(root, "html", "")[0], "lang"))
}

func TestTheMatrixOfThePageCountsEverything(t *testing.T) {
	rec := fakeRun(12)
	root, _ := pageOf(t, rec)
	heat, _ := dataOf(t, root)
	require.Len(t, heat.Cells, len(heat.Rows))
	counts := map[int]int{}
	for _, row := range heat.Cells {
		width := 0
		for _, entry := range strings.Fields(row) {
			way, times := entry, 1
			if at := strings.IndexByte(entry, '*'); at >= 0 {
				_, err := fmt.Sscan(entry[at+1:], &times)
				require.NoError(t, err)
				way = entry[:at]
			}
			width += times
			if way == "-" {
				continue
			}
			var n int
			_, err := fmt.Sscan(way, &n)
			require.NoError(t, err)
			for _, part := range strings.Fields(heat.Counts[n]) {
				var suite, class, count int
				_, err := fmt.Sscanf(part, "%d.%d.%d", &suite, &class, &count)
				require.NoError(t, err)
				counts[class] += count * times
			}
		}
		assert.Equal(t, len(heat.Cols), width)
	}
	want := map[int]int{}
	for r := range rec.Results.All() {
		want[int(classOf(r))]++
	}
	assert.Equal(t, want, counts)
}

// generated is a record of very many pairs, of which none is held. Every pair
// ended in a way of its own, as far as may be.
type generated struct{ tenants int }

func (g generated) Len() int { return g.tenants * (g.tenants - 1) }
func (generated) Err() error { return nil }

func (g generated) All() iter.Seq[*verdicts.Result] {
	return func(yield func(*verdicts.Result) bool) {
		for i := range g.tenants {
			for j := range g.tenants {
				if i == j {
					continue
				}
				r := fakeResult(tenantName(i), tenantName(j), []string{"tcp", "udp"}[j%2], 0)
				r.Suite = []string{"network", "dns", "egress"}[(i*j)%3]
				switch {
				case j%7 == 0:
					leaks(&r)
				case (i*j)%5 == 0:
					r.Verdict, r.Why = verdicts.Inconclusive, fmt.Sprintf("%s lost its control to %s in round %d", r.To.Tenant, r.From.Tenant, i%2)
				}
				if !yield(&r) {
					return
				}
			}
		}
	}
}

func TestAVeryLargePageIsBounded(t *testing.T) {
	rec := &verdicts.Record{Results: generated{500}}
	rec.Summary = verdicts.Summarise(rec.Results, began)
	rec.Header.Planned = rec.Results.Len()
	before := heap()
	p, err := newPage(rec, nil)
	require.NoError(t, err)
	assert.Less(t, heap(), before+200<<20)
	var b bytes.Buffer
	require.NoError(t, pageTemplate.Execute(&b, p))
	assert.Less(t, b.Len(), 15<<20)
	assert.LessOrEqual(t, len(p.Findings), mostCauseShown)
	assert.Positive(t, p.MoreOf, "and what is left out is said")
	root, err := html.Parse(&b)
	require.NoError(t, err)
	assert.Contains(t, words(byID(t, root, "findings")), fmt.Sprintf("And %d more finding", p.MoreOf))
	heat, attempts := dataOf(t, root)
	assert.Len(t, heat.Rows, 500)
	assert.LessOrEqual(t, len(attempts), mostTold+mostGoodTold)
	told := map[int]bool{}
	for _, a := range attempts {
		told[a.Cause] = true
	}
	assert.True(t, told[0], "the worst is told first of all")
}

func TestAPageOfResultsThatCannotBeReadIsAnError(t *testing.T) {
	rec := fakeRun(3)
	rec.Results = &stored{n: 1, each: func(func(*verdicts.Result) bool) error { return nil }, what: "nothing"}
	require.ErrorContains(t, HTML{}.Write(&bytes.Buffer{}, rec), "somebody changed it")
}

func TestThePageKnowsItsOwn(t *testing.T) {
	assert.True(t, HTML{}.Wrote(strings.NewReader(written(t, HTML{}))))
	for _, text := range []string{"", "hello", "<!DOCTYPE html><title>x</title><body>", `<meta name="generator" content="Hugo">`,
		`<body><meta name="generator" content="Partywall report">`} {
		assert.False(t, HTML{}.Wrote(strings.NewReader(text)), text)
	}
}
