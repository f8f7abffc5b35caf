# Ratios to the limit, a bar each: data (index, ratio, colour, label), picture and count come from
# bench/run.
set terminal svg size 900, 90 + 22 * count font "sans-serif,12" noenhanced background "#ffffff"
set output picture
set title "Ratio to the limit in the same round (1 = as fast as can be)" font ",14"
set logscale x
set xrange [0.3:*]
set yrange [-0.7:count - 0.3]
set grid xtics lc rgb "#e4e7ea"
set border 1 lc rgb "#8a9096"
set xtics nomirror
set ytics nomirror scale 0
set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb "#c0392b" lw 1.5 dt 2 front
unset key
# Bars begin at the limit: to the left is better than it, to the right worse.
plot data using (1):1:($2 < 1 ? $2 : 1):($2 > 1 ? $2 : 1):($1 - 0.36):($1 + 0.36):3:ytic(4) \
         with boxxyerror fs solid noborder lc rgb variable, \
     data using ($2 > 1 ? $2 : 1):1:(sprintf(" %.2f", $2)) with labels left font ",10" tc rgb "#30363c"
