package probes

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errnoName is the symbolic name of the system's error inside err, if any:
// numbers differ between platforms, and names can be read.
func errnoName(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	return unix.ErrnoName(errno)
}

// passing tells errors of accept and receive after which the listener still
// works from those that mean it is gone.
func passing(err error) bool {
	for _, e := range []error{
		unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED, unix.EINTR,
		unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EPROTO, unix.EPERM,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// bindAny binds a socket that is about to connect to a port of the system's
// choice, and returns the port: it has to be known even where connecting fails,
// because the target's receipts are compared with it.
func bindAny(raw syscall.RawConn, v6 bool) (port int, err error) {
	var free unix.Sockaddr = &unix.SockaddrInet4{}
	if v6 {
		free = &unix.SockaddrInet6{}
	}
	cerr := raw.Control(func(fd uintptr) {
		if err = os.NewSyscallError("bind", unix.Bind(int(fd), free)); err == nil {
			port, err = boundPort(int(fd))
		}
	})
	return port, errors.Join(cerr, err)
}

func boundPort(fd int) (int, error) {
	sa, err := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port, nil
	case *unix.SockaddrInet6:
		return sa.Port, nil
	}
	return 0, fmt.Errorf("reading the bound address: %w", err)
}

// echoSocket is one by which an unprivileged process may send echo requests,
// and get the replies to them, where the kernel lets it.
func echoSocket(v6 bool) (int, error) {
	family, proto := unix.AF_INET, protoICMP
	if v6 {
		family, proto = unix.AF_INET6, protoICMPv6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	return fd, os.NewSyscallError("socket", err)
}

// connectEcho takes the socket over, whether or not it returns a connection.
func connectEcho(fd int, to netip.Addr) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "icmp")
	defer file.Close() //nolint:errcheck // the connection has a descriptor of its own
	if err := connectTo(fd, to); err != nil {
		return nil, err
	}
	return net.FileConn(file)
}

// connectTo asks for errors too: without that the kernel keeps to itself that
// a host is unreachable.
func connectTo(fd int, to netip.Addr) error {
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	var peer unix.Sockaddr
	if to.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
		peer = &unix.SockaddrInet6{Addr: to.As16()}
	} else {
		peer = &unix.SockaddrInet4{Addr: to.As4()}
	}
	if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("connect", unix.Connect(fd, peer))
}

// The numbers of linux/sock_diag.h.
const (
	skMeminfoDrops = 8
	skMeminfoVars  = 9
)

// socketDrops counts the datagrams that the kernel dropped at a full socket.
// A kernel that cannot tell, such as gVisor's, says zero.
func socketDrops(c *net.UDPConn) uint64 {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var info [skMeminfoVars]uint32
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 {
		return 0
	}
	return uint64(info[skMeminfoDrops])
}
