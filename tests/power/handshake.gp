# picture, naive, gated (seconds, V), deaths (seconds, V), marks_n, marks_g
# (seconds, V, text), brownout, most, title_n, title_g: set by plots.sh
height = 640
load here.'common.gp'
set multiplot layout 2,1 title \
    'A TLS handshake over Wi-Fi from a cold battery, 3.3 V without load' \
    font 'sans-serif,17' margins char 9,char 2,char 4,char 5 \
    spacing char 0,char 4
set xrange [0:most]
set yrange [2.55:3.3]
set ytics 0.2
set format y '%.1f'
set ylabel 'battery, V'
set label 1 sprintf('brown-out %.2f V', brownout) at graph 0.995, first \
    brownout - 0.05 right tc rgb red font ',12'
set title title_n offset 0,-0.4
plot brownout with lines dt 2 lc rgb red notitle, \
    naive using 1:2 with lines lw 1.2 lc rgb blue notitle, \
    deaths using 1:2 with points pt 2 ps 0.9 lw 2 lc rgb red notitle, \
    marks_n using 1:2:3 with labels left font ',12' notitle
set title title_g offset 0,-0.4
set xlabel 'seconds'
plot brownout with lines dt 2 lc rgb red notitle, \
    gated using 1:2 with lines lw 1.2 lc rgb blue notitle, \
    marks_g using 1:2:3 with labels center font ',12' notitle
unset multiplot
