package tenancy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/partywall/partywall/probes"
)

// The checks of single values. Each error quotes the value.

func checkNamespace(s string) error {
	return apiRule("namespace", s, validation.IsDNS1123Label)
}

func checkService(s string) error {
	return apiRule("service", s, validation.IsDNS1123Label)
}

func checkWorkloadName(s string) error {
	return apiRule("name of a workload", s, validation.IsDNS1123Subdomain)
}

func checkSharedName(s string) error {
	return apiRule("name of a shared service", s, validation.IsDNS1123Subdomain)
}

func checkFileName(s string) error {
	return apiRule("name", s, validation.IsDNS1123Subdomain)
}

// checkTenantName takes what can stand as the value of a label, where tenants
// come from too.
func checkTenantName(s string) error {
	return apiRule("tenant name", s, validation.IsValidLabelValue)
}

func checkMention(s string) error {
	if s == everyone {
		return nil
	}
	return checkTenantName(s)
}

func checkLabelKey(s string) error {
	return apiRule("label key", s, validation.IsQualifiedName)
}

// apiRule holds a value against a rule of the API machinery, whose messages
// go on with regular expressions that help nobody here.
func apiRule(what, s string, rule func(string) []string) error {
	wrong := rule(s)
	if len(wrong) == 0 {
		return nil
	}
	why, _, _ := strings.Cut(wrong[0], " (e.g. ")
	meant := strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(s), notInName), "-"), "-")
	if meant == "" || len(rule(meant)) > 0 {
		return fmt.Errorf("bad %s %s: %s", what, quote(s), why)
	}
	return fmt.Errorf("bad %s %s: %s%s", what, quote(s), why, didYouMean(meant))
}

func notInName(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}

var ignorePattern = regexp.MustCompile(`^[a-z0-9*-]+$`)

// checkIgnore takes namespace names with * in them. One of stars only would
// turn the list of what nobody claims off.
func checkIgnore(s string) error {
	switch {
	case strings.Trim(s, "*") == "":
		return fmt.Errorf("bad pattern %s: it would ignore every namespace", quote(s))
	case !ignorePattern.MatchString(s):
		return fmt.Errorf("bad pattern %s: want the name of a namespace, in which * stands for any run of characters", quote(s))
	}
	return nil
}

// denials are the outcomes that can be a denial: those in which nothing of the
// attempt arrived, or the target's side refused it.
var denials = []string{
	string(probes.Forbidden), string(probes.Unauthenticated), string(probes.TLSRejected),
	string(probes.Refused), string(probes.Reset), string(probes.Closed),
	string(probes.Dropped), string(probes.Unreachable),
	string(probes.Unresolved), string(probes.Blackholed),
}

// arrivals are the outcomes that are never one.
var arrivals = []string{
	string(probes.Reached), string(probes.Misrouted), string(probes.Disclosed), string(probes.Received),
	string(probes.Error),
}

func checkDenial(s string) error {
	if slices.Contains(arrivals, s) {
		return fmt.Errorf("outcome %s is no denial", quote(s))
	}
	return oneOf("outcome", denials...)(s)
}

// checkDenialWord takes the one word that may stand in place of a list.
func checkDenialWord(s string) error {
	if s == "any" {
		return nil
	}
	meant := ""
	if near := nearest(s, denials); near != "" {
		meant = "; did you mean [" + near + "]?"
	}
	return fmt.Errorf("bad denial %s: want any, or a list of outcomes%s", quote(s), meant)
}

// parseWeakControls tells whether weak controls are accepted.
func parseVisibility(s string) (Visibility, error) {
	words := []string{string(Visible), string(Hidden)}
	if !slices.Contains(words, s) {
		return "", errors.New(unknown("dns", s, words))
	}
	return Visibility(s), nil
}

func parseWeakControls(s string) (bool, error) {
	words := []string{"refused", "accepted"}
	if !slices.Contains(words, s) {
		return false, errors.New(unknown("weakControls", s, words))
	}
	return s == "accepted", nil
}
