package main

import (
	"fmt"

	"wapid/httpapi"
)

// frontSettings are those of what stands between the daemon and its clients.
type frontSettings struct {
	TrustedProxies string `help:"Proxies in front whose X-Forwarded-For, -Proto and -Host are believed (CIDRs, comma separated)." name:"trusted-proxies" env:"WAPID_TRUSTED_PROXIES" placeholder:"CIDRS"`
}

// Validate refuses settings that contradict each other or can't be read.
func (f frontSettings) Validate() error {
	if _, err := httpapi.ParseProxies(f.TrustedProxies); err != nil {
		return fmt.Errorf("--trusted-proxies: %s", oneLine(err))
	}
	return nil
}
