package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/partywall/partywall/probes"
)

const (
	askTimeout = 30 * time.Second
	// maxReceipts bounds what is read of a witness: several times what its
	// memory holds.
	maxReceipts = 64 << 20
)

// Client asks a witness for its receipts.
type Client struct {
	address string
	key     Key
	http    *http.Client
}

// NewClient makes a client for the witness whose control port is at address.
func NewClient(address string, key Key) (*Client, error) {
	security, err := secured(key, endClient, endServer)
	if err != nil {
		return nil, err
	}
	return &Client{address: address, key: key, http: &http.Client{
		Timeout:   askTimeout,
		Transport: &http.Transport{TLSClientConfig: security, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}}, nil
}

// Answers is the key by which the witness signs.
func (c *Client) Answers() probes.Key { return c.key.Answers() }

// Now is the witness's boot and the number of its newest receipt, without any
// receipt.
func (c *Client) Now(ctx context.Context) (probes.Receipts, error) { return c.ask(ctx, "") }

// Receipts are those after a number.
func (c *Client) Receipts(ctx context.Context, after uint64) (probes.Receipts, error) {
	return c.ask(ctx, "?after="+strconv.FormatUint(after, 10))
}

func (c *Client) ask(ctx context.Context, query string) (probes.Receipts, error) {
	all, err := c.read(ctx, query)
	if err != nil {
		return all, fmt.Errorf("asking the witness at %s: %w", c.address, err)
	}
	return all, nil
}

// read takes all batches, or none: an answer that was cut is no evidence.
func (c *Client) read(ctx context.Context, query string) (probes.Receipts, error) {
	var all probes.Receipts
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.address+receiptsPath+query, nil)
	if err != nil {
		return all, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return all, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return all, fmt.Errorf("it answered %s", response.Status)
	}
	decoder := json.NewDecoder(io.LimitReader(response.Body, maxReceipts))
	for more := true; more; {
		var batch probes.Receipts
		if err := decoder.Decode(&batch); err != nil {
			return probes.Receipts{}, fmt.Errorf("reading its receipts: %w", err)
		}
		all.Boot, all.Last, all.Lost, more = batch.Boot, batch.Last, batch.Lost, batch.More
		all.Receipts = append(all.Receipts, batch.Receipts...)
	}
	return all, nil
}
