package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sctpSocket is one for a connection or a listener of the kind that TCP has.
func sctpSocket(v6 bool) (int, error) { return streamSocket(v6, unix.IPPROTO_SCTP) }

func streamSocket(v6 bool, proto int) (int, error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	return fd, os.NewSyscallError("socket", err)
}

// dialSocket takes a socket over that Go's own dialers know nothing of, and
// connects it as [dialBound] does.
func dialSocket(ctx context.Context, fd int, remote netip.AddrPort) (net.Conn, string, error) {
	file := os.NewFile(uintptr(fd), "dial")
	defer file.Close() //nolint:errcheck // the connection has a descriptor of its own
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, "", err
	}
	port, err := bindAny(raw, remote.Addr().Is6())
	if err != nil {
		return nil, "", err
	}
	local := net.JoinHostPort(routeFrom(remote), strconv.Itoa(port))
	stop := context.AfterFunc(ctx, func() { file.SetWriteDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed: it does not wait
	defer stop()
	if err := connectSocket(raw, remote); err != nil {
		return nil, local, err
	}
	conn, err := net.FileConn(file)
	return conn, local, err
}

// connectSocket waits until a socket that does not block is connected, or until
// its file's deadline has passed.
func connectSocket(raw syscall.RawConn, remote netip.AddrPort) error {
	begun, end := false, error(nil)
	err := raw.Write(func(fd uintptr) (done bool) {
		if begun {
			done, end = connected(int(fd))
			return done
		}
		begun = true
		end = unix.Connect(int(fd), sockaddr(remote))
		return !errors.Is(end, unix.EINPROGRESS)
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("connect", end)
}

// connected says whether connecting is over, and how it ended. A socket may be
// said to be ready before.
func connected(fd int) (bool, error) {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return true, err
	case errno != 0:
		return true, syscall.Errno(errno)
	}
	_, err = unix.Getpeername(fd)
	return !errors.Is(err, unix.ENOTCONN), err
}

// listenSocket takes a socket over and listens on it. One of IPv6 on all
// addresses takes those of IPv4 too.
func listenSocket(fd int, at netip.AddrPort) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), "listen")
	defer file.Close() //nolint:errcheck // the listener has a descriptor of its own
	if at.Addr().Is6() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(file)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}
