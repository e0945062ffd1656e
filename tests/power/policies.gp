# picture, data (group, then delivered and brown-outs of count policies), name,
# colour, cells, headline: set by plots.sh
height = 700
load here.'common.gp'
set multiplot layout 2,1 title headline \
    font 'sans-serif,17' margins char 9,char 2,char 2,char 6 \
    spacing char 0,char 5
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 1 noborder
set boxwidth 0.9
set xtics scale 0
set grid noxtics ytics
set xrange [-0.6:5.6]
set ylabel 'delivered, %'
set yrange [0:100]
set key at screen 0.5, screen 0.935 center top horizontal width 1
plot for [i = 1:count] data using (column(2 * i)):xtic(1) lc rgb colour[i] \
    title name[i]
unset key
set ylabel 'brown-outs per cell'
set logscale y
set yrange [0.01:*]
set format y '10^{%T}'
set title 'No bar: not one brown-out in '.cells.' cells' font ',12' \
    offset 0,-0.4
plot for [i = 1:count] data using (column(2 * i + 1) > 0 ? column(2 * i + 1) \
    : 1e-9):xtic(1) lc rgb colour[i] notitle
unset multiplot
