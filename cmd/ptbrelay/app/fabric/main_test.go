package fabric

import (
	"testing"

	"ptbrelay/integration/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m, nil) }
