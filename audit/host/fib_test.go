package host

import "testing"

func TestTableName(t *testing.T) {
	for table, want := range map[uint32]string{TableDefault: "default", TableMain: "main", TableLocal: "local", 70000: "70000"} {
		if got := TableName(table); got != want {
			t.Errorf("%d: %s, want %s", table, got, want)
		}
	}
}
