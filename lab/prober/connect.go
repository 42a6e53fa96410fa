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
		return get("http://" + address)
	case "tls":
		return get("https://" + address)
	case "line":
		return connectLine(address)
	case "udp":
		return connectUDP(address)
	}
	return "", fmt.Errorf("protocol %q: use tcp, tls, line or udp", how)
}

// get takes any status for an answer: whoever refuses was reached.
func get(url string) (string, error) {
	client := &http.Client{Timeout: deadline, Transport: &http.Transport{
		DisableKeepAlives: true,
		//nolint:gosec // what answers is looked at, not whether to trust it
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(body)), nil
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
