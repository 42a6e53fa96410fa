package verdicts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// Verdict is an outcome held against its expectation.
type Verdict string

// The verdicts, in the order of the design's table.
const (
	Isolated     Verdict = "isolated"     // denied, and both sides prove it
	Unreached    Verdict = "unreached"    // denied as far as one side can tell
	Allowed      Verdict = "allowed"      // declared, and works
	Leak         Verdict = "leak"         // got through, not declared
	Broken       Verdict = "broken"       // declared, but blocked
	Excepted     Verdict = "excepted"     // a leak that somebody accepted
	Inconclusive Verdict = "inconclusive" // no evidence either way
	Skipped      Verdict = "skipped"      // not applicable here
)

// Grade says how good the evidence is.
type Grade string

// The grades. Only two-sided evidence can prove isolation.
const (
	TwoSided Grade = "two-sided" // a witness of ours at both ends
	OneSided Grade = "one-sided" // none at the far end
	Static   Grade = "static"    // read from objects
)

// Rung is the kind of control that a verdict rests on, from the strongest.
type Rung string

// The rungs of the ladder of controls. None is no control at all.
const (
	RungSameNamespace Rung = "same-namespace"
	RungSameTenant    Rung = "same-tenant"
	RungCrossing      Rung = "declared-crossing"
	RungListener      Rung = "listener"
	RungRunner        Rung = "runner"   // the runner itself, from where it stands outside
	RungResolver      Rung = "resolver" // of a source: nothing but its resolver answered it
	RungNone          Rung = "none"
)

// Side is one end of an attempt as it was found in the cluster.
type Side struct {
	Tenant    string `json:"tenant"`
	Namespace string `json:"namespace"`
	Workload  string `json:"workload,omitempty"` // that it is a shadow of: kind and name
	Pod       string `json:"pod,omitempty"`
	Node      string `json:"node,omitempty"`
	Sidecar   bool   `json:"sidecar"`
}

// Who is the tenant, and of a shadow also the workload that it stands for.
func (s Side) Who() string {
	if s.Workload == "" {
		return s.Tenant
	}
	return fmt.Sprintf("%s (%s/%s)", s.Tenant, s.Namespace, s.Workload)
}

// Control is how the controls of one cell ended in one round.
type Control struct {
	Before probes.Outcome `json:"before,omitempty"`
	During probes.Outcome `json:"during,omitempty"` // among the attempts
	After  probes.Outcome `json:"after,omitempty"`
	Rung   Rung           `json:"rung"`
	Error  string         `json:"error,omitempty"` // of a question to admission: why the same pod without it was not let in either
	// Address is the kind that the control used, where it is not the attempt's:
	// its resolver did not answer it.
	Address suites.Address `json:"address,omitempty"`
}

// Reached says that the control was answered each time.
func (c Control) Reached() bool {
	return c.Before == probes.Reached && c.During == probes.Reached && c.After == probes.Reached
}

// Round is what one round of an attempt showed.
type Round struct {
	At       time.Time      `json:"at"`
	Outcome  probes.Outcome `json:"outcome"`
	Phase    probes.Phase   `json:"phase,omitempty"`
	Error    string         `json:"error,omitempty"`
	MS       float64        `json:"ms"`
	Receipts int            `json:"receipts"` // arrivals at the target that may be this attempt's
	Control  Control        `json:"control"`
	// Of the source control, and what it was.
	Source     probes.Outcome `json:"source,omitempty"`
	SourceRung Rung           `json:"sourceRung,omitempty"`
}

// Evidence is what a verdict rests on.
type Evidence struct {
	Rounds []Round `json:"rounds,omitempty"`
}

// Result is one attempt, judged.
type Result struct {
	ID        string             `json:"id"`
	Suite     string             `json:"suite"`
	Check     string             `json:"check"`
	From      Side               `json:"from"`
	To        Side               `json:"to"`
	Service   string             `json:"service,omitempty"` // of a shared service
	Out       bool               `json:"out,omitempty"`     // on what is no tenant's; To.Tenant says what
	Outside   string             `json:"outside,omitempty"` // its host, zone or name; of a Service its address there
	Address   suites.Address     `json:"address"`
	Protocol  string             `json:"protocol"`
	Port      int                `json:"port"`
	Placement suites.Placement   `json:"placement"`
	Expect    suites.Expectation `json:"expect"`
	Verdict   Verdict            `json:"verdict"`
	Outcome   probes.Outcome     `json:"outcome,omitempty"`
	Grade     Grade              `json:"grade"`
	Severity  string             `json:"severity"` // of the leak that it is or would be
	Fails     bool               `json:"fails"`    // a leak at or above the threshold, or broken
	Startup   bool               `json:"startup,omitempty"`
	Evidence  Evidence           `json:"evidence"`
	Why       string             `json:"why"`             // one sentence
	Cause     string             `json:"cause,omitempty"` // of a leak, likely, from the cluster's own objects
	Remedy    string             `json:"remedy,omitempty"`
	Rerun     string             `json:"rerun,omitempty"` // the command that shows it again
	Exception *Exception         `json:"exception,omitempty"`
}

// Exception is who accepted a leak, why, and until when.
type Exception struct {
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"` // YYYY-MM-DD
}

// Header opens a record of a run: what was run, where, by whom.
type Header struct {
	APIVersion string      `json:"apiVersion"` // partywall.dev/v1alpha1
	Kind       string      `json:"kind"`       // Results
	Run        string      `json:"run"`
	Version    string      `json:"version"` // of Partywall
	Tenancy    string      `json:"tenancy"`
	File       *File       `json:"file,omitempty"`
	Context    string      `json:"context"`              // of the kubeconfig
	Server     string      `json:"server"`               // the Kubernetes version
	Components []string    `json:"components,omitempty"` // network plugins and meshes, as the cluster's API shows them
	Identity   string      `json:"identity"`
	Image      string      `json:"image"` // the probe's
	Started    time.Time   `json:"started"`
	FailOn     string      `json:"failOn"`
	Tenants    []TenantRow `json:"tenants"`
	Shared     []string    `json:"shared,omitempty"` // names of shared services: columns of their own
	Ignored    []string    `json:"ignored,omitempty"`
	Unclaimed  []string    `json:"unclaimed,omitempty"`
	Planned    int         `json:"planned"`
	Filters    []string    `json:"filters,omitempty"` // what the user left out, as flags
}

// File is the tenancy file, where there was one, as the runner was told of it.
type File struct {
	Path string `json:"path"`
	Line int    `json:"line"` // on which it begins to say who the tenants are
}

// TenantRow is a tenant in a header.
type TenantRow struct {
	Name       string   `json:"name"`
	Namespaces []string `json:"namespaces"`
	Line       int      `json:"line,omitempty"`    // on which the tenancy file lists it
	Shadows    []Side   `json:"shadows,omitempty"` // of its workloads, as places of their own
}

// Summary closes a record.
type Summary struct {
	Finished    time.Time       `json:"finished"`
	Counts      map[Verdict]int `json:"counts"`
	Failures    int             `json:"failures"`
	Partial     bool            `json:"partial"`
	Incomplete  bool            `json:"incomplete"`         // partial, and not because the user asked for less
	NotRun      []string        `json:"notRun,omitempty"`   // sentences: what was left out or not run, and why
	Notes       []string        `json:"notes,omitempty"`    // what changed meanwhile, expired exceptions, and the like
	Policies    *Policies       `json:"policies,omitempty"` // nil where they could not all be read
	Sensitivity Sensitivity     `json:"sensitivity"`
	Exit        int             `json:"exit"`
}

// Policies are the NetworkPolicies of the tenants' namespaces before a run's
// first attempt.
type Policies struct {
	List []Policy `json:"list"`
}

// Policy is one of them, by what it says.
type Policy struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Digest    string `json:"digest"` // sha256: and the hexadecimal digest of its specification
}

// Digest is one for all of them: where it is the same, they say the same.
func (p *Policies) Digest() string {
	sum := sha256.New()
	for _, one := range p.List {
		fmt.Fprintf(sum, "%s/%s %s\n", one.Namespace, one.Name, one.Digest)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Sensitivity is the run's proof that it sees what gets through: its controls,
// judged as if they were cross-tenant.
type Sensitivity struct {
	Controls int `json:"controls"` // judged
	Reached  int `json:"reached"`  // came out as reached, with a receipt
}

// Record is a whole run.
type Record struct {
	Header  Header
	Results Results
	Summary Summary
}
