package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	official "wapid/engine/cloudapi"
	"wapid/engine/media"
	"wapid/engine/parcel"
	"wapid/store"
)

// headerPassphrase carries the passphrase of an import, whose body is the file.
const headerPassphrase = "X-Passphrase"

type exportRequest struct {
	Passphrase string `json:"passphrase"`
}

func (s *Server) sessionMoveRoutes() []route {
	const one = "/api/admin/tenants/:tenantId/sessions/:id"
	return []route{
		{method: http.MethodPost, path: one + "/export", operator: s.exportSession},
		{method: http.MethodPost, path: one + "/import", operator: s.importSession, upload: true},
		{method: http.MethodPost, path: one + "/reclaim", operator: s.reclaimSession},
	}
}

// exportSession is POST /api/admin/tenants/{tenantId}/sessions/{id}/export: a stopped
// session as an encrypted file. It returns the errors of engine.Export and of
// parcel.CheckPassphrase.
func (s *Server) exportSession(c *fiber.Ctx, from store.Origin) error {
	var req exportRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := parcel.CheckPassphrase(req.Passphrase); err != nil {
		return err
	}
	key, err := s.movedSession(c)
	if err != nil {
		return err
	}
	if snap, err := s.engine.Snapshot(key); err == nil && official.IsDevice(snap.State.Identity.Device) {
		return engine.Errorf(engine.CodeNotSupported, "a session of Meta's official API has no device: give its credentials to the other server")
	}
	path, err := s.spool.Path()
	if err != nil {
		return err
	}
	defer media.Remove(path) // what stays behind goes at the next start
	snap, err := s.engine.Export(c.UserContext(), key, path)
	if err != nil {
		return err
	}
	if err := s.store.NoteMoved(c.UserContext(), from, key, store.ActionSessionExport); err != nil {
		return err
	}
	f, err := s.spool.Empty()
	if err != nil {
		return err
	}
	err = parcel.Pack(f, req.Passphrase, parcel.Head{
		Session: key.ID, Name: snap.Name, Options: snap.Options,
		Device: snap.State.Identity.Device, ExportedAt: time.Now().UTC(),
	}, path)
	if removeErr := media.Remove(f.Name()); err == nil {
		err = removeErr
	}
	var size int
	if err == nil {
		size, err = sizeOf(f)
	}
	if err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		f.Close()
		return engine.WrapError(engine.CodeStorage, err, "the export could not be written")
	}
	c.Set(fiber.HeaderContentType, "application/octet-stream")
	c.Set(fiber.HeaderContentDisposition, disposition(string(key.ID)+".wapid-session"))
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.SendStream(f, size) // which closes it
}

// importSession is POST /api/admin/tenants/{tenantId}/sessions/{id}/import: the body
// is what an export answered. It returns the errors of parcel.Unpack and engine.Import.
func (s *Server) importSession(c *fiber.Ctx, from store.Origin) error {
	key, err := s.movedSession(c)
	if err != nil {
		return err
	}
	passphrase := c.Get(headerPassphrase)
	if passphrase == "" {
		return engine.Errorf(engine.CodeInvalid, "the %s header is missing", headerPassphrase)
	}
	path, err := s.spool.Path()
	if err != nil {
		return err
	}
	head, err := parcel.Unpack(uploadOf(c), passphrase, path)
	if err != nil {
		return err
	}
	defer media.Remove(path)
	if proxy := head.Options.Proxy; proxy != "" {
		if err := s.checkProxy(proxy); err != nil {
			return err
		}
	}
	id, err := s.identityOf(c, path, head.Device)
	if err != nil {
		return err
	}
	o := head.Options
	change := engine.SessionChange{Name: &head.Name, Proxy: &o.Proxy, Typing: &o.Typing, DelayMin: &o.DelayMin, DelayMax: &o.DelayMax, Interactive: &o.Interactive}
	snap, err := s.engine.Import(c.UserContext(), key, change, path, id)
	if err != nil {
		return err
	}
	if err := s.store.NoteMoved(c.UserContext(), from, key, store.ActionSessionImport); err != nil {
		return err
	}
	return ok(c, describe(snap))
}

// identityOf finds a device in a file. It returns CodeInvalid if it is not there.
func (s *Server) identityOf(c *fiber.Ctx, path string, device engine.DeviceID) (engine.Identity, error) {
	found, err := s.engine.Identify(c.UserContext(), path)
	if err != nil {
		return engine.Identity{}, err
	}
	for _, id := range found {
		if id.Device == device {
			return id, nil
		}
	}
	return engine.Identity{}, engine.Errorf(engine.CodeInvalid, "the file does not hold the device that it names")
}

// reclaimSession is POST /api/admin/tenants/{tenantId}/sessions/{id}/reclaim.
func (s *Server) reclaimSession(c *fiber.Ctx, from store.Origin) error {
	if err := decodeNothing(c); err != nil {
		return err
	}
	key, err := s.movedSession(c)
	if err != nil {
		return err
	}
	snap, err := s.engine.Reclaim(c.UserContext(), key)
	if err != nil {
		return err
	}
	if err := s.store.NoteMoved(c.UserContext(), from, key, store.ActionSessionReclaim); err != nil {
		return err
	}
	return ok(c, describe(snap))
}

// movedSession reads the session that the operator's path names. It returns
// CodeNotFound for a tenant that does not exist, CodeInvalid and CodeStopping.
func (s *Server) movedSession(c *fiber.Ctx) (engine.SessionKey, error) {
	tenant, err := s.existingTenant(c)
	if err != nil {
		return engine.SessionKey{}, err
	}
	raw, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return engine.SessionKey{}, engine.Errorf(engine.CodeInvalid, "the session id in the path is not encoded properly")
	}
	id, err := engine.ParseSessionID(raw)
	if err != nil {
		return engine.SessionKey{}, err
	}
	return engine.SessionKey{Tenant: tenant, ID: id}, s.loaded()
}
