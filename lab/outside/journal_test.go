package outside

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func all(Entry) bool { return true }

func TestJournalPages(t *testing.T) {
	j := newJournal()
	for range capacity + 5 {
		j.add(Entry{Request: "x"})
	}
	tests := []struct {
		name        string
		since       uint64
		first, lost uint64
		n           int
	}{
		{"from the start, some are lost", 0, 6, 5, capacity},
		{"from within what is lost", 3, 6, 2, capacity},
		{"from the oldest that is kept", 5, 6, 0, capacity},
		{"the last one", capacity + 4, capacity + 5, 0, 1},
		{"nothing new", capacity + 5, 0, 0, 0},
		{"a number of another life", capacity + 100, 0, 0, 0},
		{"the largest number", 1<<64 - 1, 0, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			page := j.page(test.since, all)
			if page.Lost != test.lost || len(page.Entries) != test.n || page.Last != capacity+5 {
				t.Fatalf("lost %d, %d entries, last %d", page.Lost, len(page.Entries), page.Last)
			}
			if test.n > 0 && page.Entries[0].Number != test.first {
				t.Errorf("it begins with %d, want %d", page.Entries[0].Number, test.first)
			}
		})
	}
}

func TestJournalBoundsText(t *testing.T) {
	j := newJournal()
	j.add(Entry{Request: strings.Repeat("x", 10*maxText)})
	if got := len(j.page(0, all).Entries[0].Request); got != maxText {
		t.Errorf("%d bytes of a request were kept, want %d", got, maxText)
	}
}

func TestEmptyJournal(t *testing.T) {
	if page := newJournal().page(0, all); page.Entries == nil || page.Last != 0 || page.Lost != 0 || page.Boot == "" {
		t.Errorf("%+v", page)
	}
}

func TestRecords(t *testing.T) {
	j := newJournal()
	j.add(Entry{Name: "x.canary.example.", Type: "A"})
	j.add(Entry{Request: "connection"})
	handler := recordsHandler(j)
	tests := []struct {
		path   string
		status int
		want   []uint64
	}{
		{"/questions", http.StatusOK, []uint64{1}},
		{"/questions?since=1", http.StatusOK, nil},
		{"/visits", http.StatusOK, []uint64{2}},
		{"/visits?since=1", http.StatusOK, []uint64{2}},
		{"/visits?since=yesterday", http.StatusBadRequest, nil},
		{"/visits?since=-1", http.StatusBadRequest, nil},
		{"/secrets", http.StatusNotFound, nil},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, test.path, nil))
			if recorder.Code != test.status {
				t.Fatalf("status %d, want %d", recorder.Code, test.status)
			}
			if test.status != http.StatusOK {
				return
			}
			var page Page
			if err := json.Unmarshal(recorder.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			if len(page.Entries) != len(test.want) || len(test.want) > 0 && page.Entries[0].Number != test.want[0] || page.Last != 2 {
				t.Errorf("%+v, want entries %v", page, test.want)
			}
		})
	}
}
