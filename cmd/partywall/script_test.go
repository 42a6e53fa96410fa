package main

import (
	"crypto/elliptic"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"partywall":                  main,
		"kubectl-partywall":          main,
		"kubectl_complete-partywall": main,
		"carrying":                   func() { start(fakeProbe) },
	})
}

// TestScript runs the scripts of testdata/script, which are the documentation
// of the command. Beside testscript's own commands they have `exits CODE
// COMMAND...`, and those of the fake cluster, the registry and keys. `carrying` is
// partywall with its image inside.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// What the machine has to say of clusters is none of the scripts' business.
			for _, name := range []string{"KUBECONFIG", "KUBERNETES_MASTER", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"} {
				env.Setenv(name, "")
			}
			// Under the race detector, a program that ends would sleep a second.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			prepareCluster(env)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"cluster":  startCluster,
			"requests": requests,
			"registry": startRegistry,
			"keypair":  keyPair,
		},
	})
}

// keyPair makes NAME.key and NAME.pub, the private one locked where a password
// is given.
func keyPair(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: keypair NAME [PASSWORD]")
	}
	locked := cryptoutils.SkipPassword
	if len(args) == 2 {
		locked = func(bool) ([]byte, error) { return []byte(args[1]), nil }
	}
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), locked)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), private, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), public, 0o600))
}

// exits runs a command that must end with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Check(err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
