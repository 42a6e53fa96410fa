package reports

import (
	"slices"

	"github.com/partywall/partywall/verdicts"
)

// class is a verdict as people read it: a leak below the fail threshold is
// one of its own. The smaller, the more it needs a reader's attention.
type class int

const (
	classLeak class = iota
	classBroken
	classInconclusive
	classNoted // a leak below the threshold
	classExcepted
	classUnreached
	classAllowed
	classIsolated
	classSkipped
	classCount
)

// classes say how each is shown. The symbol tells them apart without colour.
var classes = [classCount]struct {
	symbol, word, meaning string
	colour                string
}{
	classLeak:         {"✗", "LEAK", "leak", red},
	classBroken:       {"!", "broken", "broken (declared, but blocked)", magenta},
	classInconclusive: {"?", "inconclusive", "inconclusive (no evidence either way)", yellow},
	classNoted:        {"~", "noted leak", "leak below the fail threshold", yellow},
	classExcepted:     {"e", "excepted", "excepted (a leak accepted for now)", cyan},
	classUnreached:    {"o", "unreached", "unreached (denied, seen from one side only)", green},
	classAllowed:      {"+", "allowed", "allowed (declared, and works)", green},
	classIsolated:     {"✓", "isolated", "isolated", green},
	classSkipped:      {"s", "skipped", "skipped (not applicable)", ""},
}

// attention says whether a reader should look at it.
func (c class) attention() bool { return c <= classExcepted }

func classOf(r *verdicts.Result) class {
	switch r.Verdict {
	case verdicts.Leak:
		if r.Fails {
			return classLeak
		}
		return classNoted
	case verdicts.Broken:
		return classBroken
	case verdicts.Excepted:
		return classExcepted
	case verdicts.Unreached:
		return classUnreached
	case verdicts.Allowed:
		return classAllowed
	case verdicts.Isolated:
		return classIsolated
	case verdicts.Skipped:
		return classSkipped
	default:
		// A verdict that this version does not know is never good news.
		return classInconclusive
	}
}

// severities from the worst; what is none of them sorts last.
var severities = []string{"critical", "high", "medium", "low", "info"}

func severityRank(s string) int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities)
}

// The colours, as a terminal takes them.
const (
	red     = "\x1b[1;31m"
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	magenta = "\x1b[1;35m"
	cyan    = "\x1b[36m"
	plain   = "\x1b[0m"
)

// paint colours a text that is already harmless.
func (o Options) paint(c class, text string) string {
	colour := classes[c].colour
	if !o.Colour || colour == "" {
		return text
	}
	return colour + text + plain
}
