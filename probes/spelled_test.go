package probes

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The spellings are those that inet_aton takes, and none that it does not.
func TestSpelledAddress(t *testing.T) {
	for _, host := range []string{
		"2852039166", "0xA9FEA9FE", "0xa9fea9fe", "025177524776", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe",
		"169.254.43518", "169.16689662", "0xa9.254.0251.254", "169.254.169.254",
	} {
		got, ok := spelledAddress(host)
		assert.True(t, ok, host)
		assert.Equal(t, netip.MustParseAddr("169.254.169.254"), got, host)
	}
	for _, host := range []string{
		"", ".", "x", "1.", ".1", "1..2", "1.2.3.4.5", "256.1.1.1", "1.16777216", "4294967296", "08", "0x", "-1", "+1", "1_0", "0b1", "0o7",
		"www.example.com", "1.2.3.example", "deadbeef", "1e3",
	} {
		_, ok := spelledAddress(host)
		assert.False(t, ok, host)
	}
}

// Metadata services that refuse are there all the same; a proxy that does is not one.
func TestMetadataServicesThatRefuse(t *testing.T) {
	for server, want := range map[string]Outcome{"EC2ws": Reached, "Metadata Server for VM": Reached, "envoy": Forbidden, "": Error} {
		seen := Observation{Do: DoHead, Status: 403, Header: map[string]string{"server": server}}
		assert.Equal(t, want, Classify(seen, Unsigned), server)
	}
}
