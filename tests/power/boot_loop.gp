# picture, title_n, title_o, naive, ours (seconds, V), deaths (seconds, V),
# marks (seconds, V, text), brownout, most: set by plots.sh
height = 620
load here.'common.gp'
set multiplot layout 2,1 title \
    'An old coin cell, 2.82 V at rest: transmitting blindly loops for ever' \
    font 'sans-serif,17' margins char 9,char 2,char 4,char 5 spacing char 0,char 4
set xrange [0:most]
set yrange [1.45:2.95]
set ytics 0.25
set format y '%.2f'
set ylabel 'supply, V'
set label 1 sprintf('brown-out %.2f V', brownout) at graph 0.005, first \
    brownout - 0.17 left tc rgb red font ',12'
set title title_n offset 0,-0.4
plot brownout with lines dt 2 lc rgb red notitle, \
    naive using 1:2 with lines lw 1.2 lc rgb blue notitle, \
    deaths using 1:2 with points pt 2 ps 0.9 lw 2 lc rgb red notitle, \
    marks_n using 1:2:3 with labels left offset 0.6,0.2 font ',12' notitle
set title title_o offset 0,-0.4
set xlabel 'seconds after power-on'
plot brownout with lines dt 2 lc rgb red notitle, \
    ours using 1:2 with lines lw 1.2 lc rgb blue notitle, \
    marks_o using 1:2:3 with labels left offset 0.4,0 font ',12' notitle
unset multiplot
