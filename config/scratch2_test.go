package config
import ("testing";"strings";"time";"fmt")
func TestHostileScratch(t *testing.T){
 r:=strings.Repeat
 for name,s:=range map[string]string{
 "flow":"vips: "+r("[",99000), "dash":r("- ",500000), "dashl":r("-\n",19000), "ports":"policy: {ports: ["+r("1,",49000)+"]}", "badports":"policy: {ports: ["+r("x,",49000)+"]}",
 "vips":"vips: ["+r("1.2.3.4,",49000)+"]", "ifs":"interfaces: ["+r("a,",49000)+"]", "nl":r("\n",19000), "lit":"a: |\n"+r("\n",19000)+"b", "lit2":"a: >\n"+r(" \n",19000)+"# x","fold":"a: >\n"+r("\n",19000)+" x\n", "commented":"a: >\n"+r("#\n",19000), "commented2":"a: >\n"+r("\n#\n",9000),
 "keys":func()string{var b strings.Builder;for i:=range 999{fmt.Fprintf(&b,"k%d: 1\n",i)};return b.String()}(),
 "deep":func()string{var b strings.Builder;for i:=range 999{fmt.Fprintf(&b,"%sk:\n",r(" ",i))};return b.String()}(),
 "deepseq":func()string{var b strings.Builder;for i:=range 1400{fmt.Fprintf(&b,"%s-\n",r(" ",i))};return b.String()}(),
 "deepseqkey":func()string{var b strings.Builder;for i:=range 700{fmt.Fprintf(&b,"%s- a:\n",r(" ",i*2))};return b.String()}(),
 "quotes":"a: '"+r("\n",19000)+"'", "dq":"a: \""+r("\\\n",19000)+"\"", "dq2":"a: \""+r("\\\n    ",19000)+"\"", "comments":r("# x\n",19000)+"vips: []", "at":r("@",1000000), "bangs":r("! ",500000),"braces":r("{}",500000), "bt":r("`",1000000), "pc":r("%\n",19999),"trail":"vips: ["+r(" ",1000000)+"]", "cr":r("\r",1000000), "crn":"a: |\n"+r("\r",1000000)+"x", "crc":"a: |\n"+r(" \r",500000)+"x","tabs":"a: |\n"+r("\t",1000000)+"x", "cr3":"a: 'x"+r("\r",1000000)+"y'","cr4":"a: x"+r("\r",1000000)+" y",
 } { t0:=time.Now(); _,err:=Parse(strings.NewReader(s),"f"); d:=time.Since(t0); e:=fmt.Sprint(err); if len(e)>90 {e=e[:90]}; fmt.Printf("%-12s %v %s\n",name,d,e) }
}
