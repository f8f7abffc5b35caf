# Ratios to the limit: a panel for each block of `data` (label, ratio, is it ours, target or 0),
# with the title and the limit's name of the same number in `titles` and `limits`, into `picture`.
# Called by bench/run.
panels = words(titles)
array count[panels]
array least[panels]
array most[panels]
rows = 0
do for [i = 1:panels] {
	stats data index i - 1 using 2 nooutput
	count[i] = int(STATS_records)
	least[i] = STATS_min
	stats data index i - 1 using ($4 > $2 ? $4 : $2) nooutput
	most[i] = STATS_max
	rows = rows + count[i]
}

# In pixels.
bar = 20.0
head = 72.0
top = 46.0
height = rows * bar + panels * head + top

set terminal svg size 860, height font "sans-serif,12" noenhanced background "#ffffff"
set output picture
set multiplot
set lmargin at screen 0.36
set rmargin at screen 0.90
set border 0
set tics scale 0
set xtics textcolor rgb "#6b7280" font ",10"
set grid xtics lc rgb "#e5e7eb" lt 1
set style fill solid noborder
unset key
set label 1 "Times the limit, which is the line at 1. Further left is better." \
	at screen 0.015, screen 1 - 20 / height left font ",15"
set label 2 "blue: lapse    grey: others    red: lapse's target, at most" \
	at screen 0.015, screen 1 - 40 / height left font ",11" textcolor rgb "#6b7280"

y = height - top
do for [i = 1:panels] {
	# Far apart they need a logarithmic axis. Bars begin at 1 on either.
	left = least[i] < 1 ? least[i] * 0.95 : 0.95
	right = most[i] > 1.3 ? most[i] : 1.3
	if (right / left > 8) {
		set logscale x
		set xtics (0.25, 0.5, 1, 2, 4, 10, 30, 100, 300)
	} else {
		unset logscale x
		set xtics autofreq
	}
	set xrange [left:right * 1.02]
	set yrange [count[i] - 0.4:-0.6]
	set tmargin at screen (y - 40) / height
	set bmargin at screen (y - 40 - count[i] * bar) / height
	set label 3 word(titles, i) at screen 0.015, screen (y - 22) / height left font ",13"
	set label 4 "limit: " . word(limits, i) at screen 0.968, screen (y - 22) / height right \
		font ",11" textcolor rgb "#6b7280"
	set arrow 1 from 1, graph 0 to 1, graph 1 nohead lc rgb "#374151" lw 1 front
	plot data index i - 1 using (1):0:($2 < 1 ? $2 : 1):($2 < 1 ? 1 : $2):($0 - 0.34):($0 + 0.34): \
			($3 > 0 ? 0x1d6fb8 : 0xc3cad4):ytic(1) with boxxyerror lc rgb variable, \
		data index i - 1 using ($4 > 0 ? $4 : NaN):($0 - 0.42):(0):(0.84) \
			with vectors nohead lc rgb "#dc2626" lw 2.5, \
		data index i - 1 using (right * 1.02):0:(sprintf("%.2f", $2)) \
			with labels right offset character 7, 0 font ",11" textcolor rgb "#374151"
	unset label 1
	unset label 2
	y = y - head - count[i] * bar
}
unset multiplot
