package outside

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/state"
)

// The two halves of the journal.
const (
	// Questions are those that the resolver was asked.
	Questions = "questions"
	// Visits are all other things that the hosts saw.
	Visits = "visits"
)

// recordsPort is where the resolver's host shows the journal.
const recordsPort = 8053

// recordsHandler shows the journal: GET /questions?since=NUMBER, and /visits.
// Reading leaves no trace in it.
func recordsHandler(j *journal) http.Handler {
	mux := http.NewServeMux()
	isQuestion := func(e Entry) bool { return e.Name != "" }
	mux.Handle("GET /"+Questions, pageHandler(j, isQuestion))
	mux.Handle("GET /"+Visits, pageHandler(j, func(e Entry) bool { return !isQuestion(e) }))
	return mux
}

func pageHandler(j *journal, wanted func(Entry) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var since uint64
		if text := r.URL.Query().Get("since"); text != "" {
			var err error
			if since, err = strconv.ParseUint(text, 10, 64); err != nil {
				http.Error(w, "since: give the number of an entry, such as the last of an earlier answer", http.StatusBadRequest)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		// A reader that has gone needs no answer.
		_ = json.NewEncoder(w).Encode(j.page(since, wanted))
	}
}

// Read asks a running lab for what its outside has seen after a number.
func Read(ctx context.Context, lab state.Lab, half string, since uint64) (Page, error) {
	var page Page
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return network.Dial(ctx, lab.Netns(), "tcp4", address)
		},
	}}
	url := fmt.Sprintf("http://%s/%s?since=%d", hostPort(Resolver, recordsPort), half, since)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page, err
	}
	response, err := client.Do(request)
	if err != nil {
		return page, fmt.Errorf("asking the outside of lab %s for its %s: %w", lab.Name, half, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return page, fmt.Errorf("asking the outside of lab %s for its %s: %s", lab.Name, half, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return page, fmt.Errorf("reading the %s of lab %s: %w", half, lab.Name, err)
	}
	return page, nil
}

func hostPort(address string, port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }
