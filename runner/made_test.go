package runner

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestATenantsObjectWithARunsLabelsIsNotOurs(t *testing.T) {
	labels := map[string]string{labelManaged: managedBy, labelRun: "deadbeef"}
	assert.True(t, made(metav1.ObjectMeta{Name: "partywall-deadbeef-target-0", Labels: labels}))
	assert.True(t, made(metav1.ObjectMeta{Name: "partywall-deadbeef-target-1-nodes", Labels: labels}))
	for _, name := range []string{"my-own-db", "partywall-deadbeef", "partywall-0badcafe-target-0", "partywall-deadbeef-target-0-node"} {
		assert.False(t, made(metav1.ObjectMeta{Name: name, Labels: labels}), name)
	}
}
