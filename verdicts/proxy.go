package verdicts

import "fmt"

// nobodyByProxy says that a port of a mesh's proxy answers nobody on the pod's
// address, its own tenant neither: it is for the pod itself alone, or none.
func nobodyByProxy(c Case) string {
	if c.Attempt.Proxy == "" || !closedToControls(c) {
		return ""
	}
	return fmt.Sprintf("port %d of the proxy answers nobody on the address of a pod of %s, not even its own pods from %s",
		c.Attempt.Port.Number, c.To.Tenant, node(c))
}
