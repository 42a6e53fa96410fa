package probes

import (
	"context"
	"fmt"
	"slices"
)

// listener tries one of the pod's own listeners over loopback, with a token of
// the pod's own key, so that the answer is a genuine one. It shows that the
// target answers, and nothing about any path to it.
func (a *attempt) listener(ctx context.Context) {
	t := a.source.target
	if t == nil {
		a.seen.Error = "this probe is source-only: it has no listeners"
		return
	}
	key := t.currentKey()
	if key == nil {
		a.seen.Error = "this probe has no key yet, so its listeners answer nobody"
		return
	}
	asked := a.order
	if !t.listens(asked.Proto, asked.Port) {
		a.seen.Error = fmt.Sprintf("this probe has no listener %s/%d", asked.Proto, asked.Port)
		return
	}
	a.order.Host, a.order.Token = "127.0.0.1", key.Token(asked.Nonce)
	a.perform(ctx, Do(asked.Proto))
}

func (t *Target) listens(proto string, port int) bool {
	return slices.Contains(t.ports.of(proto), port)
}
