package images

import "testing"

const listing = `REF                              TYPE                                       DIGEST          SIZE    PLATFORMS   LABELS
docker.io/partywall-lab/pause:1  application/vnd.oci.image.manifest.v1+json sha256:aa       1.0 MiB linux/amd64 io.cri-containerd.image=managed
sha256:11                        application/vnd.oci.image.manifest.v1+json sha256:aa       1.0 MiB linux/amd64 io.cri-containerd.image=managed
sha256:22                        application/vnd.oci.image.manifest.v1+json sha256:bb       1.0 MiB linux/amd64 io.cri-containerd.image=managed
`

func TestHoldsAll(t *testing.T) {
	tests := []struct {
		name   string
		wanted map[string]string
		want   bool
	}{
		{"the same image", map[string]string{Pause: "sha256:11"}, true},
		{"the tag was moved", map[string]string{Pause: "sha256:22"}, false},
		{"an unknown id", map[string]string{Pause: "sha256:33"}, false},
		{"an unknown tag", map[string]string{CoreDNS: "sha256:11"}, false},
		{"an unknown tag and id", map[string]string{CoreDNS: "sha256:33"}, false},
		{"one of two", map[string]string{Pause: "sha256:11", CoreDNS: "sha256:22"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := holdsAll(parseListing(listing), test.wanted); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
