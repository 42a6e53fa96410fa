package probes

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Limits of one target. A stranger's flood is recorded, and bounded by them.
const (
	defaultReceipts = 65536
	defaultConns    = 512
	connLife        = 10 * time.Second // longer than any attempt waits for its answer
	maxQuestion     = 512
)

// TargetOptions shape a target. The zero value of a limit means its default.
type TargetOptions struct {
	Host     string // the address to listen on; empty means all, of both families
	Ports    Ports
	Receipts int // how many are remembered
	Conns    int // how many connections one listener holds at a time

	sctp socket // nil, which is the kernel's, but in tests
}

// Target records every arrival, and answers those that show a token of its key.
type Target struct {
	boot   string
	ports  Ports
	conns  int
	ledger *ledger
	noSCTP string // why there is no listener for it

	mu  sync.Mutex
	key Key

	serve   []func(context.Context) error
	closers []func() error
	udp     []*net.UDPConn
}

// ListenTarget opens the listeners, so that a port in use is known before the
// pod says that it is ready. Serve answers on them. Health is not the target's:
// see [ListenHealth].
func ListenTarget(opts TargetOptions) (*Target, error) {
	if opts.Receipts <= 0 {
		opts.Receipts = defaultReceipts
	}
	if opts.Conns <= 0 {
		opts.Conns = defaultConns
	}
	if opts.sctp == nil {
		opts.sctp = sctpSocket
	}
	t := &Target{boot: newBoot(), conns: opts.Conns, ledger: newLedger(opts.Receipts)}
	if err := t.listen(opts); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Target) listen(opts TargetOptions) error {
	asked, web := opts.Ports, []int(nil)
	for _, kind := range []struct {
		name  string
		ports []int
		open  func(host string, port int) (int, error)
		into  *[]int
	}{
		{"HTTP", []int{asked.HTTP}, t.listenHTTP, &web},
		{"HTTP/2", asked.H2C, t.listenH2C, &t.ports.H2C},
		{"TLS", asked.TLS, t.listenTLS, &t.ports.TLS},
		{"TCP", asked.TCP, t.listenTCP, &t.ports.TCP},
		{"UDP", asked.UDP, t.listenUDP, &t.ports.UDP},
		{"banners", asked.Banner, t.listenBanner, &t.ports.Banner},
		{"DNS", asked.DNS, t.listenDNS, &t.ports.DNS},
		{"DNS over TCP", asked.DNSTCP, t.listenDNSTCP, &t.ports.DNSTCP},
	} {
		for _, port := range kind.ports {
			opened, err := kind.open(opts.Host, port)
			if err != nil {
				return fmt.Errorf("listening for %s on port %d: %w", kind.name, port, err)
			}
			*kind.into = append(*kind.into, opened)
		}
	}
	t.ports.HTTP = web[0]
	return t.listenSCTP(opts)
}

// Serve answers until ctx ends or a listener breaks, and closes them all.
func (t *Target) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, t.Close)
	defer stop()
	defer t.Close()

	var wg sync.WaitGroup
	for _, serve := range t.serve {
		wg.Go(func() { cancel(serve(ctx)) })
	}
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Close closes the listeners.
func (t *Target) Close() {
	for _, c := range t.closers {
		c() //nolint:errcheck // closing twice is harmless, and there is nobody to tell
	}
}

// Boot is the id of this life of the target.
func (t *Target) Boot() string { return t.boot }

// Ports are the ports in use; Health is not among them.
func (t *Target) Ports() Ports { return t.ports }

// ErrOtherKey is what a target says that has a key and is told another.
var ErrOtherKey = errors.New("this probe already has another key: it belongs to another run, or to another runner of this one")

// NoSCTP says why the target does not listen for SCTP; empty where it does.
func (t *Target) NoSCTP() string { return t.noSCTP }

// SetKey takes the key. The first one stands for the life of the process; the
// same one again is no error, so that a runner may repeat itself.
func (t *Target) SetKey(k Key) error {
	if len(k) != KeySize {
		return fmt.Errorf("a key has %d bytes, this one has %d", KeySize, len(k))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.key == nil:
		t.key = append(Key(nil), k...)
	case !hmac.Equal(t.key, k):
		return ErrOtherKey
	}
	return nil
}

func (t *Target) currentKey() Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.key
}

// judge fills in the receipt, and returns the answer that the arrival earned: nil
// for none.
func (t *Target) judge(proto string, port int, seq uint64, nonce, token string) []byte {
	if nonce == "" {
		return nil
	}
	key := t.currentKey()
	good := key.admits(nonce, token)
	t.ledger.fill(seq, nonce, good)
	if !good {
		return nil
	}
	return key.answer(proto, port, nonce, t.boot, seq)
}

// Receipts hands over, in batches, what arrived after the cursor. Arrivals that
// the kernel had to drop before the target could read them count as lost too.
func (t *Target) Receipts(cursor uint64, hand func(Receipts) error) error {
	kept, last, lost := t.ledger.after(cursor)
	lost += t.dropped()
	for {
		n := min(batchSize, len(kept))
		batch := Receipts{Boot: t.boot, Receipts: kept[:n], Last: last, Lost: lost, More: n < len(kept)}
		if batch.Receipts == nil {
			batch.Receipts = []Receipt{}
		}
		if err := hand(batch); err != nil || !batch.More {
			return err
		}
		kept = kept[n:]
	}
}

func (t *Target) dropped() uint64 {
	var n uint64
	for _, c := range t.udp {
		n += socketDrops(c)
	}
	return n
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
