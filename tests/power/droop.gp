# picture, data (blocks of droop_main.c): set by plots.sh
height = 520
load here.'common.gp'
set title "The lowest voltage of a burst falls ever faster, until there is \
none\n{/*0.8 2.82 V at rest, 28 events in 1 s, constant power, 10 uF}" \
    font 'sans-serif,17'
set xlabel "the cell's resistance in the first millisecond, Ohm"
set ylabel 'lowest voltage of the burst, V'
set xrange [0:120]
set yrange [0:3]
set format y '%.1f'
set key at graph 0.02, graph 0.5 left top Left reverse width -2
array name[4] = ['+8 dBm, 16.4 mA', '+4 dBm, 11.2 mA', '0 dBm, 6.4 mA', \
    '-8 dBm, 4.9 mA']
array colour[4] = [0xb2182b, 0xe08214, 0x2166ac, 0x1b7837]
set label 'collapse: the cell cannot give' at first 93, 0.36 right \
    font ',12' tc rgb red
set label 'the power at any voltage' at first 93, 0.22 right font ',12' \
    tc rgb red
set label 'brown-out' at first 119, 1.69 right font ',12' tc rgb grey
plot 1.75 with lines dt 2 lc rgb grey notitle, \
    for [i = 1:4] data index 2 * i - 2 with lines lw 2 lc rgb colour[i] \
        title name[i], \
    for [i = 1:4] data index 2 * i - 1 with points pt 6 ps 0.6 lw 1.2 \
        lc rgb colour[i] notitle, \
    NaN with lines lw 2 lc rgb grey title 'lines: estls\_tx\_predict', \
    NaN with points pt 6 ps 0.6 lw 1.2 lc rgb grey \
        title 'points: the circuit'
