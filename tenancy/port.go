package tenancy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// String writes the port as ParsePort reads it.
func (p Port) String() string { return p.Protocol + "/" + strconv.Itoa(p.Number) }

// ParsePort reads a port such as tcp/8080 or udp/53.
func ParsePort(s string) (Port, error) {
	protocol, number, _ := strings.Cut(s, "/")
	if strings.EqualFold(protocol, "sctp") {
		return Port{}, fmt.Errorf("bad port %s: SCTP is tried on a port of the probes' own alone; want tcp/NUMBER or udp/NUMBER", quote(s))
	}
	n, err := portNumber(number)
	switch {
	case protocol != "tcp" && protocol != "udp", errors.Is(err, errNotANumber):
		return Port{}, fmt.Errorf("bad port %s: want tcp/NUMBER or udp/NUMBER%s", quote(s), portHint(s))
	case err != nil:
		return Port{}, fmt.Errorf("bad port %s: %w", quote(s), err)
	}
	return Port{Protocol: protocol, Number: n}, nil
}

var (
	errNotANumber = errors.New("not a number")
	errPortRange  = errors.New("the number must be 1 to 65535")
)

// portNumber takes plain decimal digits only: a sign or a leading zero is a
// slip, and one port must have one spelling.
func portNumber(s string) (int, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, errNotANumber
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil || n < 1 || n > 65535:
		return 0, errPortRange
	case s[0] == '0':
		return 0, errNotANumber
	}
	return n, nil
}

// portHint finds the port that was meant by 8080, 8080/tcp, TCP:8080 and the
// like.
func portHint(s string) string {
	protocol, number := "tcp", ""
	for _, part := range strings.FieldsFunc(strings.ToLower(s), isSeparator) {
		near := nearest(part, []string{"tcp", "udp"})
		switch {
		case near != "":
			protocol = near
		case number != "":
			return ""
		default:
			number = strings.TrimLeft(part, "0")
		}
	}
	if _, err := portNumber(number); err != nil {
		return ""
	}
	return didYouMean(protocol + "/" + number)
}

func isSeparator(r rune) bool { return strings.ContainsRune("/: -", r) }
