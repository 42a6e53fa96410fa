package probes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxLine bounds an order: none needs more, and a stream that has lost its line
// ends must not fill the memory.
const maxLine = 64 << 10

var (
	errLongLine = fmt.Errorf("an order is longer than %d bytes", maxLine)
	errCutLine  = errors.New("the last order has no end: the stream was cut")
)

// orderReader reads orders line by line.
type orderReader struct{ in *bufio.Reader }

func newOrderReader(r io.Reader) *orderReader {
	return &orderReader{in: bufio.NewReaderSize(r, maxLine)}
}

// next returns the next line that is not empty. A line that is too long is
// skipped whole and said so; the stream goes on behind it.
func (r *orderReader) next() ([]byte, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, r.skip()
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errCutLine
		case err != nil:
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (r *orderReader) skip() error {
	for {
		_, err := r.in.ReadSlice('\n')
		switch {
		case err == nil:
			return errLongLine
		case errors.Is(err, io.EOF):
			return errCutLine
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// parseOrder is strict: a field that this probe does not know may change what
// an order means, so a runner of another version is told instead of misheard.
func parseOrder(line []byte) (Order, error) {
	var o Order
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return Order{}, fmt.Errorf("reading an order: %w", err)
	}
	if dec.InputOffset() != int64(len(line)) {
		return Order{}, errors.New("reading an order: more than one value in a line")
	}
	if wayOf(o.Do) != nil || o.Do == DoKey || o.Do == DoReceipts || o.Do == DoFlush {
		return o, nil
	}
	return Order{}, fmt.Errorf("reading an order: nobody here knows how to do %q", clip(string(o.Do), 64))
}

// gathering is how long an observation waits for others to be written with. A
// reply passes six processes on its way to the runner, each of which takes as
// long for one line as for eighty. The end of a batch waits for nothing.
const gathering = 200 * time.Millisecond

// maxGathered is how many bytes of replies wait at most.
const maxGathered = 32 << 10

// replyWriter writes whole lines, whoever replies.
type replyWriter struct {
	mu       sync.Mutex
	out      io.Writer
	gathered bytes.Buffer
	timer    *time.Timer // nil where nothing waits
	lost     func()      // called where what was gathered found no reader
	writing  atomic.Bool // and not done yet: it may be that nobody reads
	err      error
}

// write sends one reply, and all that were gathered before it. After the first
// failure every later one fails alike.
func (w *replyWriter) write(r Reply) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.add(r); err != nil {
		return err
	}
	return w.flush()
}

// gather sends one reply soon.
func (w *replyWriter) gather(r Reply) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.add(r); err != nil {
		return err
	}
	if w.gathered.Len() >= maxGathered {
		return w.flush()
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(gathering, w.due)
	}
	return w.err
}

// due sends what was gathered.
func (w *replyWriter) due() {
	w.mu.Lock()
	err := w.flush()
	w.mu.Unlock()
	if err != nil {
		w.lost()
	}
}

func (w *replyWriter) add(r Reply) error {
	enc := json.NewEncoder(&w.gathered)
	enc.SetEscapeHTML(false) // it is read by a program, and in an exec by people
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing a reply: %w", err)
	}
	return nil
}

func (w *replyWriter) flush() error {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	if w.err == nil && w.gathered.Len() > 0 {
		w.writing.Store(true)
		_, w.err = w.out.Write(w.gathered.Bytes())
	}
	w.writing.Store(false)
	w.gathered.Reset()
	return w.err
}

func (w *replyWriter) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
