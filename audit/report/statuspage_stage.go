package report

// stageView is a stage as its template needs it: its sums, pictures and tables.
type stageView struct {
	Received, Eligible, Done  uint64
	Verb                      string // what is done, in the best case
	VerdictsStrip, EndedStrip strip
	Verdicts, Ended           tableView
}

// viewStage calls what the stage is hoped to do by a verb, and its ends by a noun.
func viewStage(id, verb, noun string, s Stage) stageView {
	return stageView{
		Received:      s.Received.sum(),
		Eligible:      s.Verdicts.sumOf(Good),
		Done:          s.Ended.sumOf(Good),
		Verb:          verb,
		VerdictsStrip: drawStrip(id+"-verdicts-picture", "Received, by verdict", s.Verdicts.Rows),
		EndedStrip:    drawStrip(id+"-ended-picture", "Eligible, by "+noun, s.Ended.Rows),
		Verdicts:      viewTable(id+"-verdicts", "What they are", "verdict", s.Verdicts).Total(s.Received).Fold(),
		Ended:         viewTable(id+"-ended", "What became of the eligible ones", noun, s.Ended).Fold(),
	}
}

// sizesView is a distribution and its picture.
type sizesView struct {
	Sizes
	What    string
	Picture bars
}

func viewSizes(id, what string, s Sizes) sizesView {
	what += ", " + family(s.Family)
	return sizesView{s, what, drawBars(id+"-"+s.Family, what, s.Values)}
}
