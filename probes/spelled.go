package probes

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// spelledAddress reads an IPv4 address in the ways that inet_aton(3) does, and
// with it curl, wget, Python and whatever else hands a host to the C library:
// of one to four numbers, each decimal, octal or hexadecimal, of which the last
// fills all bytes that are left. 2852039166, 0xa9fea9fe, 0251.0376.0251.0376 and
// 169.254.43518 are all 169.254.169.254. Filters that compare names see another.
func spelledAddress(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		n, err := parseNumber(part, bits)
		if err != nil {
			return netip.Addr{}, false
		}
		value = value<<bits | n
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(value)))), true
}

// parseNumber reads what C takes for a number, and nothing else that Go would.
func parseNumber(s string, bits int) (uint64, error) {
	base := 10
	lower := strings.ToLower(s)
	if rest, ok := strings.CutPrefix(lower, "0x"); ok {
		base, lower = 16, rest
	} else if len(s) > 1 && s[0] == '0' {
		base = 8
	}
	return strconv.ParseUint(lower, base, bits)
}
