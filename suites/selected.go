package suites

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/partywall/partywall/tenancy"
)

// SelectionOf reads what Flags wrote, as it stands in the header of a record.
func SelectionOf(flags []string) (Selection, error) {
	var s Selection
	for _, flag := range flags {
		if err := s.read(flag); err != nil {
			return Selection{}, err
		}
	}
	return s, nil
}

func (s *Selection) read(flag string) error {
	name, value, _ := strings.Cut(flag, "=")
	var err error
	switch name {
	case "--suite":
		s.Suites = append(s.Suites, value)
	case "--check":
		s.Checks = append(s.Checks, value)
	case "--tenant":
		s.Tenants = append(s.Tenants, value)
	case "--placement":
		s.Placement = Placement(value)
	case "--only":
		s.Only = append(s.Only, value)
	case "--sample":
		s.Sample.Size, err = strconv.Atoi(value)
	case "--seed":
		s.Sample.Seed, err = strconv.ParseUint(value, 10, 64)
	default:
		return fmt.Errorf("the filter %q is none that this version knows", flag)
	}
	if err != nil {
		return fmt.Errorf("the filter %q: %w", flag, err)
	}
	return nil
}

// MayLeaveOut says whether an attempt of a report can be missing because of
// the selection. Of a sample nobody can tell what it would have drawn.
func (s Selection) MayLeaveOut(id string, a Attempt) bool {
	return s.Sample.Size > 0 || !s.matches(a) || !s.named(id)
}

// named says whether an id is one of those that were asked for.
func (s Selection) named(id string) bool {
	for _, pattern := range s.Only {
		if (tenancy.Exception{Match: pattern}).Matches(id) {
			return true
		}
	}
	return len(s.Only) == 0
}
