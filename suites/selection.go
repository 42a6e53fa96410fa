package suites

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/partywall/partywall/tenancy"
)

// Selection is what the user asks to try of all that could be. The zero value
// asks for everything.
type Selection struct {
	Suites    []string
	Checks    []string
	Tenants   []string // attempts from or to one of them
	Placement Placement
	Only      []string // ids, or globs over ids
	Sample    Sample   // of what the rest selects
}

// Flags names what the selection leaves out, as the flags that said so.
func (s Selection) Flags() []string {
	var flags []string
	add := func(name string, values []string) {
		for _, v := range values {
			flags = append(flags, name+"="+v)
		}
	}
	add("--suite", s.Suites)
	add("--check", s.Checks)
	add("--tenant", s.Tenants)
	if s.Placement != "" {
		flags = append(flags, "--placement="+string(s.Placement))
	}
	add("--only", s.Only)
	if s.Sample.Size > 0 {
		flags = append(flags, fmt.Sprintf("--sample=%d", s.Sample.Size), fmt.Sprintf("--seed=%d", s.Sample.Seed))
	}
	return flags
}

// Idle says why suites that the user asks for, or does not leave out, plan
// nothing.
func (s Selection) Idle(r Registry, t *tenancy.Tenancy) []string {
	var why []string
	for _, suite := range r {
		if i, ok := suite.(Idler); ok && (len(s.Suites) == 0 || slices.Contains(s.Suites, suite.Name())) {
			if words := i.Idle(t); words != "" {
				why = append(why, words)
			}
		}
	}
	return why
}

// Plan selects from all that the suites would try. A name that selects nothing
// is an error, and so is an empty result: a run that tries nothing must never
// look like one that found nothing.
func (s Selection) Plan(r Registry, t *tenancy.Tenancy) (*Plan, error) {
	if err := s.Check(r); err != nil {
		return nil, err
	}
	if err := s.checkTenants(t); err != nil {
		return nil, err
	}
	if err := r.checkSeverities(t); err != nil {
		return nil, err
	}
	used := make([]bool, len(s.Only))
	lots := newLots(s.Sample)
	plan := &Plan{registry: r, tenancy: t}
	selected := 0
	for tile := range plan.tiles() {
		plan.whole += len(tile)
		for _, a := range tile {
			if s.matches(a) && s.only(a, used) {
				selected++
				lots.add(a)
			}
		}
	}
	for i, u := range used {
		if !u {
			return nil, fmt.Errorf("--only %q matches no attempt that is planned; `partywall plan` lists them", s.Only[i])
		}
	}
	if selected == 0 {
		return nil, errors.New(strings.Join(append(s.Idle(r, t), strings.Join(s.Flags(), " ")+" select no attempt at all; `partywall plan` lists what there is"), "; "))
	}
	drawn, err := lots.draw()
	if err != nil {
		return nil, err
	}
	plan.keep = func(a Attempt) bool { return s.matches(a) && s.only(a, used) && drawn.has(a) }
	if drawn == nil {
		plan.size = selected
		return plan, nil
	}
	for range plan.All() {
		plan.size++
	}
	return plan, nil
}

func (s Selection) matches(a Attempt) bool {
	return in(s.Suites, a.Suite) && in(s.Checks, a.Check) &&
		(in(s.Tenants, a.From.Tenant) || in(s.Tenants, a.To.Tenant)) &&
		(s.Placement == "" || a.Placement == s.Placement || a.Placement == AnyNode)
}

// only says whether an attempt is one of those that were asked for by id. A
// plan does not know yet whether its source will have a sidecar, which the ids
// of a report tell.
func (s Selection) only(a Attempt, used []bool) bool {
	if len(s.Only) == 0 {
		return true
	}
	id := a.ID()
	a.Sidecar = true
	sidecar := a.ID()
	hit := false
	for i, pattern := range s.Only {
		if (tenancy.Exception{Match: pattern}).Matches(id) || (tenancy.Exception{Match: pattern}).Matches(sidecar) {
			used[i], hit = true, true
		}
	}
	return hit
}

// Check refuses what no suite has, which can be told before there is a tenancy.
func (s Selection) Check(r Registry) error {
	var suiteNames, checkNames []string
	for _, x := range r {
		suiteNames = append(suiteNames, x.Name())
		checkNames = append(checkNames, x.Checks()...)
	}
	if err := known("--suite", s.Suites, suiteNames); err != nil {
		return err
	}
	if err := known("--check", s.Checks, checkNames); err != nil {
		return err
	}
	switch {
	case s.Sample.Size < 0:
		return fmt.Errorf("--sample: %d attempts are none; leave it out for all", s.Sample.Size)
	case s.Sample.Size == 0 && s.Sample.Seed != 0:
		return errors.New("--seed draws nothing without --sample")
	}
	switch s.Placement {
	case "", SameNode, CrossNode:
		return nil
	}
	return fmt.Errorf("--placement: %q is neither %s nor %s", s.Placement, SameNode, CrossNode)
}

func (s Selection) checkTenants(t *tenancy.Tenancy) error {
	var names []string
	for _, x := range t.Tenants {
		names = append(names, x.Name)
	}
	return known("--tenant", s.Tenants, names)
}

// known refuses a flag's value that is none of those there are.
func known(flag string, got, valid []string) error {
	for _, v := range got {
		if !slices.Contains(valid, v) {
			return fmt.Errorf("%s: there is no %q; there is: %s", flag, v, strings.Join(valid, ", "))
		}
	}
	return nil
}

func in(list []string, v string) bool {
	return len(list) == 0 || slices.Contains(list, v)
}
