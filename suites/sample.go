package suites

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Sample is a part of a plan that is drawn by lot, for clusters whose whole
// plan is too much for a night. The zero value takes everything.
type Sample struct {
	Size int    // attempts, at least; zero: all
	Seed uint64 // the same seed draws the same attempts of the same plan
}

// lots draws a sample while a plan goes by. What judges another attempt by
// standing beside it is drawn with it. Each such group has a lot, by the seed
// and its name, and the lowest win; those that have a tenant as a source or as
// a target for the first time win before all others.
type lots struct {
	Sample
	seen    int // attempts
	groups  map[string]*group
	most    lot // groups above it have lost already
	sources map[string]*group
	targets map[string]*group
}

// lot orders groups; the name tells apart what a hash does not.
type lot struct {
	number uint64
	name   string
}

func (l lot) compare(o lot) int {
	return cmp.Or(cmp.Compare(l.number, o.number), cmp.Compare(l.name, o.name))
}

// group is attempts that stand beside each other.
type group struct {
	lot
	size int
}

func newLots(s Sample) *lots {
	return &lots{Sample: s, groups: map[string]*group{}, sources: map[string]*group{}, targets: map[string]*group{}}
}

// add gives an attempt its lot. What is skipped costs nothing and needs none.
func (l *lots) add(a Attempt) {
	l.seen++
	if l.Size == 0 || a.Skip != "" {
		return
	}
	name := lotName(a)
	g := l.groups[name]
	if g == nil {
		g = &group{lot: l.lotOf(name)}
		if !l.mayWin(g, a) {
			return
		}
		l.groups[name] = g
		l.prune()
	}
	g.size++
}

// lotName is shared by the attempts that stand beside each other: by a proxy,
// beside the same without, and that beside the one by the pod's own address.
func lotName(a Attempt) string {
	a.From.Proxied, a.Sidecar = false, false
	return a.Beside()
}

func (l *lots) lotOf(name string) lot {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), l.Seed))
	return lot{binary.BigEndian.Uint64(sum[:]), name}
}

// mayWin says whether a group is among the lowest so far, of all or of those
// with the same source or target.
func (l *lots) mayWin(g *group, a Attempt) bool {
	source, target := lowest(l.sources, a.From.Tenant, g), lowest(l.targets, a.To.Tenant, g)
	return source || target || l.most.name == "" || g.compare(l.most) < 0
}

// lowest keeps a tenant's lowest group, and says whether it is this one.
func lowest(best map[string]*group, tenant string, g *group) bool {
	if best[tenant] != nil && g.compare(best[tenant].lot) > 0 {
		return false
	}
	best[tenant] = g
	return true
}

// prune forgets groups that can no longer win, before they are too many.
func (l *lots) prune() {
	if len(l.groups) < 4*(l.Size+len(l.sources)+len(l.targets)) {
		return
	}
	covering, rest := l.ranked()
	kept := rest[:min(len(rest), l.Size)]
	l.groups = map[string]*group{}
	for _, g := range slices.Concat(covering, kept) {
		l.groups[g.name] = g
	}
	if len(kept) == l.Size {
		l.most = kept[len(kept)-1].lot
	}
}

// ranked are the groups that cover every tenant, and the others by their lots.
func (l *lots) ranked() (covering, rest []*group) {
	covers := map[*group]bool{}
	for _, best := range []map[string]*group{l.sources, l.targets} {
		for _, g := range best {
			covers[g] = true
		}
	}
	for _, g := range slices.SortedFunc(maps.Values(l.groups), func(a, b *group) int { return a.compare(b.lot) }) {
		if covers[g] {
			covering = append(covering, g)
		} else {
			rest = append(rest, g)
		}
	}
	return covering, rest
}

// drawn is the names of the groups that won; nil: all did.
type drawn map[string]bool

func (d drawn) has(a Attempt) bool { return d == nil || a.Skip != "" || d[lotName(a)] }

// draw ends the lottery. Since groups win whole, the sample may be a little
// larger than was asked for.
func (l *lots) draw() (drawn, error) {
	if l.Size == 0 || l.Size >= l.seen {
		return nil, nil
	}
	covering, rest := l.ranked()
	won := drawn{}
	size := 0
	for _, g := range covering {
		won[g.name] = true
		size += g.size
	}
	if size > l.Size {
		return nil, fmt.Errorf("--sample: %d attempts are too few to have every tenant as a source and as a target; these take %d", l.Size, size)
	}
	for _, g := range rest {
		if size >= l.Size {
			break
		}
		won[g.name] = true
		size += g.size
	}
	return won, nil
}
