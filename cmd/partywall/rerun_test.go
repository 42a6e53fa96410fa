package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuoteMakesOneWord(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "''"},
		{"kind-dev", "kind-dev"},
		{"out/a_b.yaml:1@x", "out/a_b.yaml:1@x"},
		{"two words", "'two words'"},
		{"network/tcp/acme.a->globex.b/*", "'network/tcp/acme.a->globex.b/*'"},
		{"it's", `'it'\''s'`},
		{"$(id); `id` \"$HOME\" \\", "'$(id); `id` \"$HOME\" \\'"},
		{"a\nb\tc", "'a\nb\tc'"},
		{"~/x", "'~/x'"},
		{"größe", "'größe'"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			assert.Equal(t, tt.want, quote(tt.in))
			shell, err := exec.LookPath("sh")
			if err != nil {
				t.Skip("no shell to ask")
			}
			out, err := exec.Command(shell, "-c", "printf %s "+quote(tt.in)).Output()
			require.NoError(t, err)
			assert.Equal(t, tt.in, string(out))
		})
	}
}

func TestRerunMeetsTheSameCluster(t *testing.T) {
	const id = "network/tcp/acme.a->globex.b"
	const end = " --only 'network/tcp/acme.a->globex.b' --keep"
	tests := []struct {
		name    string
		program string
		args    []string
		context string
		want    string
	}{
		{"the current context is named", "partywall", nil, "kind-dev", "partywall run --context kind-dev"},
		{"one that was chosen", "partywall", []string{"--context", "prod eu"}, "prod eu", "partywall run --context 'prod eu'"},
		{"no context in a pod", "partywall", nil, "", "partywall run"},
		{"a plugin", "kubectl partywall", nil, "kind-dev", "kubectl partywall run --context kind-dev"},
		{"files and image", "partywall", []string{"--filename", "my tenancy.yaml", "--kubeconfig=k", "--probe-image", "r/probe:1"}, "c",
			"partywall run --kubeconfig k --context c -f 'my tenancy.yaml' --probe-image r/probe:1"},
		{"somebody else", "partywall", []string{"--as", "system:serviceaccount:p:r", "--as-group", "a", "--as-group", "b c"}, "c",
			"partywall run --context c --as system:serviceaccount:p:r --as-group a --as-group 'b c'"},
		{"an address", "partywall", []string{"-s", "https://[::1]:6443", "--insecure-skip-tls-verify"}, "",
			"partywall run -s 'https://[::1]:6443' --insecure-skip-tls-verify=true"},
		{"what was selected is left out", "partywall", []string{"--suite", "network", "--only", "x", "--require-complete", "--rate", "9"}, "c", "partywall run --context c"},
		{"a token stays secret", "partywall", []string{"--token", "hush"}, "c", "partywall run --context c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run, _, err := newRoot(&app{name: tt.program, flags: kubectlFlags()}).Find([]string{"run"})
			require.NoError(t, err)
			require.NoError(t, run.ParseFlags(tt.args))
			again := rerun(tt.program, run.Flags(), tt.context)
			assert.Equal(t, tt.want+end, again(id))
			assert.Equal(t, tt.want+end, again(id), "one command does not leak into the next")
		})
	}
}
