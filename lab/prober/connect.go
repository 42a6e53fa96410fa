package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// deadline bounds one attempt.
const deadline = 2 * time.Second

func connect(how, address string) (string, error) {
	switch how {
	case "tcp":
		_, body, err := get("http://" + address)
		return body, err
	case "http":
		status, body, err := get("http://" + address)
		return fmt.Sprintf("%d %s", status, body), err
	case "tls":
		_, body, err := get("https://" + address)
		return body, err
	case "line":
		return connectLine(address)
	case "udp":
		return connectUDP(address)
	}
	return "", fmt.Errorf("protocol %q: use tcp, http, tls, line or udp", how)
}

// get takes any status for an answer: whoever refuses was reached.
func get(url string) (status int, body string, err error) {
	client := &http.Client{Timeout: deadline, Transport: &http.Transport{
		DisableKeepAlives: true,
		//nolint:gosec // what answers is looked at, not whether to trust it
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return 0, "", err
	}
	return response.StatusCode, strings.TrimSpace(string(text)), nil
}

// connectLine waits for the line with which a server greets.
func connectLine(address string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, deadline)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, 1024)).ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(line), nil
}

// connectUDP sends the same datagram a few times within the deadline: one that
// is lost on a busy machine is no wall.
func connectUDP(address string) (string, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	buffer := make([]byte, 1500)
	const tries = 4
	for range tries {
		if _, err = conn.Write([]byte("hello")); err != nil {
			return "", err
		}
		if err = conn.SetReadDeadline(time.Now().Add(deadline / tries)); err != nil {
			return "", err
		}
		var n int
		if n, err = conn.Read(buffer); err == nil {
			return strings.TrimSpace(string(buffer[:n])), nil
		}
	}
	return "", err
}
