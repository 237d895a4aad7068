package report

import "slices"

// tableView is a table as its template needs it. Caption and Head say what it is about
// and what its rows are.
type tableView struct {
	Table
	ID, Caption, Head string
	// Foot is the row that the others add up to; nil: there is none.
	Foot *Row
	// Headed: a heading says what the caption does.
	Headed bool
	// Folded: rows of which all is 0 are shown only to those who ask for them.
	Folded bool
}

func viewTable(id, caption, head string, t Table) tableView {
	return tableView{Table: t, ID: id, Caption: caption, Head: head}
}

// Total is the table with a foot.
func (t tableView) Total(r Row) tableView {
	t.Foot = &r
	return t
}

// UnderHeading is the table where it stands alone under a heading.
func (t tableView) UnderHeading() tableView {
	t.Headed = true
	return t
}

// Fold is the table where most rows are 0 as a rule.
func (t tableView) Fold() tableView {
	t.Folded = true
	return t
}

// Zeros is how many rows are 0.
func (t tableView) Zeros() (n int) {
	for _, r := range t.Rows {
		if r.sum() == 0 {
			n++
		}
	}
	return n
}

// Kinds tells whether a row has one.
func (t tableView) Kinds() bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Kind != Plain })
}

// Hidden tells the columns that are not shown.
func (t tableView) Hidden(column int) bool {
	return t.Columns[column].Rare &&
		!slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Counts[column].Value > 0 })
}

// rowView is a row of a table as its template needs it.
type rowView struct {
	Row
	Zero  bool
	Cells []cell
}

type cell struct {
	Count
	Hidden bool
}

// View is a row with what the columns make of it.
func (t tableView) View(r Row) rowView {
	v := rowView{Row: r, Zero: r.sum() == 0}
	for i, c := range r.Counts {
		v.Cells = append(v.Cells, cell{c, t.Hidden(i)})
	}
	return v
}

// sum is the row's own, over all columns.
func (r Row) sum() (n uint64) {
	for _, c := range r.Counts {
		n += c.Value
	}
	return n
}

// sumOf is that of all rows of a kind.
func (t Table) sumOf(k Kind) (n uint64) {
	for _, r := range t.Rows {
		if r.Kind == k {
			n += r.sum()
		}
	}
	return n
}
