package processes

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const rest = " S 41 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 5 0 987654 1000 200 18446744073709551615\n"
	tests := []struct {
		name, text string
		want       Stat
		fails      bool
	}{
		{"a plain name", "43 (etcd)" + rest, Stat{'S', 41, 987654}, false},
		{"a name with blanks and parentheses", "43 (a) S 1 (b)" + rest, Stat{'S', 41, 987654}, false},
		{"cut short", "43 (etcd) S 41", Stat{}, true},
		{"nothing", "", Stat{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat(test.text)
			if (err != nil) != test.fails || got != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	self, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Error("this process is not alive")
	}
	other := self
	other.Start++
	if other.Alive() {
		t.Error("the same number with another start is taken for this process")
	}
	// Would end the test if it went to this process.
	if err := other.Signal(unix.SIGKILL); err != nil {
		t.Errorf("a process that has ended is no error: %v", err)
	}
}

func TestFamilyReapsOrphansOnly(t *testing.T) {
	family := NewFamily()
	if err := family.TakeInOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The shell ends at once and leaves its child behind, which ends then.
	out, err := family.Run(exec.Command("sh", "-c", "sleep 0.05 >/dev/null 2>&1 & echo $!"))
	if err != nil {
		t.Fatalf("a command of the family's own: %v", err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := ReadStat(orphan); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("orphan %d is left defunct", orphan)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := family.Run(exec.Command("sh", "-c", "echo no; exit 3")); err == nil {
		t.Error("a failed command is no error")
	}
}
