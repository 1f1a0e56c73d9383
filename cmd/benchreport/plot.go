package main

import (
	"errors"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"wapid/cmd/wapid/bench/report"
)

// panel is one of the plot's diagrams: a figure by the number of sessions.
type panel struct {
	title  string
	metric report.Metric
	lines  []line
}

// line is one scenario of one side. A dashed one is the bound's.
type line struct {
	scenario string
	side     report.Side
	shade    color.Color
}

// drawTo writes an SVG with a panel for throughput and one for CPU time.
func drawTo(rep *report.Report, file string) error {
	blue, green, red := color.RGBA{31, 119, 180, 255}, color.RGBA{44, 160, 44, 255}, color.RGBA{214, 39, 40, 255}
	lines := []line{
		{"repeat", report.Daemon, blue}, {"repeat", report.Bound, blue},
		{"first", report.Daemon, green}, {"first", report.Bound, green},
		{"inbound", report.Daemon, red}, {"inbound", report.Bound, red},
	}
	panels := []panel{
		{"messages a second", report.PerSecond, lines},
		{"CPU ms a message", report.CPU, lines},
	}
	row := make([]*plot.Plot, len(panels))
	for i, p := range panels {
		var err error
		if row[i], err = p.plot(rep); err != nil {
			return err
		}
	}
	canvas := vgsvg.New(24*vg.Centimeter, 10*vg.Centimeter)
	edge := vg.Points(4)
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Centimeter, PadTop: edge, PadBottom: edge, PadLeft: edge, PadRight: edge}
	for i, where := range plot.Align([][]*plot.Plot{row}, tiles, draw.New(canvas))[0] {
		row[i].Draw(where)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(out)
	return errors.Join(err, out.Close())
}

func (p panel) plot(rep *report.Report) (*plot.Plot, error) {
	out := plot.New()
	out.Title.Text, out.X.Label.Text = p.title, "sessions"
	out.X.Scale, out.X.Tick.Marker = plot.LogScale{}, sizes(rep.Settings.Sessions)
	out.Y.Min = 0
	out.Legend.Top, out.Legend.TextStyle.Font.Size = true, vg.Points(8)
	out.Add(plotter.NewGrid())
	for _, l := range p.lines {
		var points plotter.XYs
		for _, n := range rep.Settings.Sessions {
			if s, ok := rep.Find(l.scenario, n, l.side, p.metric); ok {
				points = append(points, plotter.XY{X: float64(n), Y: s.Median})
			}
		}
		if len(points) == 0 {
			continue
		}
		drawn, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		drawn.Color, dots.Color = l.shade, l.shade
		if l.side == report.Bound {
			drawn.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		out.Add(drawn, dots)
		out.Legend.Add(l.scenario+", "+string(l.side), drawn, dots)
	}
	return out, nil
}

// sizes marks the numbers of sessions that were measured.
type sizes []int

// Ticks is plot.Ticker.
func (s sizes) Ticks(float64, float64) []plot.Tick {
	ticks := make([]plot.Tick, len(s))
	for i, n := range s {
		ticks[i] = plot.Tick{Value: float64(n), Label: report.Thousands(float64(n), 0)}
	}
	return ticks
}
