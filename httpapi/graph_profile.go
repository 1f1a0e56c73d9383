package httpapi

import (
	"io"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// maxProfilePicture is the largest picture of a profile, in bytes, as Meta has it.
const maxProfilePicture = 5 << 20

func (s *Server) graphProfileRoutes() []route {
	const path = "/graph/:objectId/whatsapp_business_profile"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeRead, tenant: s.graphProfile},
		{method: http.MethodPost, path: path, scope: store.ScopeManage, tenant: s.graphChangeProfile},
	}
}

// graphProfile is GET /{phone}/whatsapp_business_profile: what the account shows, also
// one that is no business.
func (s *Server) graphProfile(c *fiber.Ctx, p store.Principal) error {
	key, _, err := s.graphPhone(c, p)
	if err != nil {
		return err
	}
	directory, err := engine.Use[engine.Directory](s.engine, key)
	if err != nil {
		return err
	}
	me, err := directory.Me(c.UserContext())
	if err != nil {
		return err
	}
	business, _, err := s.businessOf(c, key)
	if err != nil {
		return err
	}
	shown := cloudapi.Profile{About: me.About, PictureURL: me.AvatarURL, Business: business}
	return ok(c, cloudapi.Page{Data: []cloudapi.Node{shown.Node(cloudapi.Fields(c.Query("fields")))}})
}

// businessOf is what a session's account shows as a business; is is false for one that is
// none, or on a network that can't tell.
func (s *Server) businessOf(c *fiber.Ctx, key engine.SessionKey) (b engine.Business, is bool, err error) {
	own, err := engine.Use[engine.OwnProfile](s.engine, key)
	if err == nil {
		b, err = own.Business(c.UserContext())
	}
	switch engine.CodeOf(err) {
	case engine.CodeNotFound, engine.CodeNotSupported:
		return b, false, nil
	}
	return b, err == nil, err
}

// graphChangeProfile is POST /{phone}/whatsapp_business_profile. What can't be set is
// refused before anything is; what came before a failure of the network stays set.
func (s *Server) graphChangeProfile(c *fiber.Ctx, p store.Principal) error {
	key, _, err := s.graphPhone(c, p)
	if err != nil {
		return err
	}
	params, err := graphParams(c)
	if err != nil {
		return err
	}
	change, err := cloudapi.ParseProfile(params)
	if err != nil {
		return err
	}
	own, err := engine.Use[engine.OwnProfile](s.engine, key)
	if err != nil {
		return err
	}
	if err := s.checkProfile(c, key, change); err != nil {
		return err
	}
	var picture []byte
	if change.Picture != "" {
		if picture, err = s.profilePicture(c, p, change.Picture); err != nil {
			return err
		}
	}
	if change.OfBusiness() {
		if err := own.ChangeBusiness(c.UserContext(), change.Business); err != nil {
			return err
		}
	}
	if change.About != nil {
		if err := own.SetAbout(c.UserContext(), *change.About); err != nil {
			return err
		}
	}
	if picture != nil {
		if err := own.SetPicture(c.UserContext(), picture); err != nil {
			return err
		}
	}
	return ok(c, successResponse{Success: true})
}

// checkProfile refuses what this account can't be given.
func (s *Server) checkProfile(c *fiber.Ctx, key engine.SessionKey, change cloudapi.ProfileChange) error {
	if !change.OfBusiness() && change.Vertical == "" {
		return nil
	}
	business, is, err := s.businessOf(c, key)
	switch {
	case err != nil:
		return err
	case !is && change.OfBusiness():
		return cloudapi.Errorf(cloudapi.CodeInvalidParameter,
			"the number is not one of WhatsApp Business: address, description, email and websites can't be set, about and the picture can")
	case change.Vertical != "" && change.Vertical != cloudapi.Vertical(business.Category):
		return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "vertical can't be set over a linked device: it is chosen on the phone")
	}
	return nil
}

// profilePicture reads an uploaded picture. Meta takes the handle of its own way of
// uploading there, which is not here: the id of uploaded media stands for it.
func (s *Server) profilePicture(c *fiber.Ctx, p store.Principal, handle string) ([]byte, error) {
	m, err := s.uploadedMedium(c.UserContext(), p, handle)
	if err != nil {
		return nil, err
	}
	if m.mime != "image/jpeg" {
		return nil, cloudapi.Errorf(cloudapi.CodeInvalidParameter, "the picture must be a square JPEG")
	}
	f, _, err := s.openMedium(c.UserContext(), m)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	picture, err := io.ReadAll(io.LimitReader(f, maxProfilePicture+1))
	if err != nil {
		return nil, engine.WrapError(engine.CodeStorage, err, "the file can't be read")
	}
	if len(picture) > maxProfilePicture {
		return nil, cloudapi.Errorf(cloudapi.CodeInvalidParameter, "the picture must not have more than %d bytes", maxProfilePicture)
	}
	return picture, nil
}
