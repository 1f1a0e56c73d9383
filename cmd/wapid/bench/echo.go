package bench

import (
	"context"
	"errors"
	"net"

	"github.com/valyala/fasthttp"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// generator measures the load generator itself: the same requests to a server in
// this process that answers at once. What it reaches, with the server's own work
// on top, must be many times what is measured with it.
func (h *harness) generator(ctx context.Context) (err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	answer := []byte(`{"success":true,"messageId":"3EB0B430A8B7F6C1D2E3","timestamp":1708243200}`)
	server := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(c *fasthttp.RequestCtx) {
		c.SetContentType("application/json")
		c.SetBody(answer)
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { err = errors.Join(err, server.Shutdown(), <-served) }()
	s := newSender(listener.Addr().String(), h.apiKey, h.daemonNumbers())
	defer s.close()
	plan := load.Plan{Sessions: maxWorkers, Workers: maxWorkers, WarmUp: h.opts.WarmUp, Duration: h.opts.Duration}
	for range h.opts.Runs {
		result, err := load.Run(ctx, plan, s.kind(load.Repeat), load.OwnCPU)
		if err != nil {
			return err
		}
		values := valuesOf(result)
		values[report.GeneratorCPU] = milliseconds(result.CPU) / float64(result.Count)
		h.report.Add("generator", maxWorkers, report.Generator, values)
		h.progress("the load generator alone: %.0f requests a second, %.3f ms of CPU each with the server that answers", values[report.PerSecond], values[report.GeneratorCPU])
	}
	return nil
}
