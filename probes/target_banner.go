package probes

func (t *Target) listenBanner(host string, port int) (int, error) {
	return t.listenStreams(DoBanner, host, port, t.answerBanner)
}

// answerBanner speaks first, as many databases and mail servers do, and then
// answers as over TCP. A target without a key can sign nothing, and says nothing.
func (t *Target) answerBanner(port int, c *visit) {
	if key := t.currentKey(); key != nil {
		if _, err := c.Write(key.banner(port, t.boot, c.seq)); err != nil {
			return
		}
	}
	t.answerLine(DoBanner, port, c)
}
