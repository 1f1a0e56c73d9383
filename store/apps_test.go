package store

import (
	"database/sql"
	"regexp"
	"testing"

	"wapid/engine"
	"wapid/store/seal"
)

func TestAnAppIsMadeOnFirstUseAndRotates(t *testing.T) {
	s, ctx := openInside(t, Options{}), t.Context()
	graphTenants(t, s, "a", "b")
	first, err := s.App(ctx, "a")
	succeed(t, err)
	hex := regexp.MustCompile(`^[0-9a-f]{32}$`)
	if !hex.MatchString(first.Secret) || !hex.MatchString(first.VerifyToken) || first.Secret == first.VerifyToken || first.CreatedAt.IsZero() {
		t.Errorf("the app is %+v", first)
	}
	if o, err := s.FindGraphObject(ctx, "a", first.ID); err != nil || o.Kind != GraphApp {
		t.Errorf("its id is %+v, %v", o, err)
	}
	if again, err := s.App(ctx, "a"); err != nil || again != first {
		t.Errorf("asked again it is %+v, %v", again, err)
	}
	if other, err := s.App(ctx, "b"); err != nil || other.ID == first.ID || other.Secret == first.Secret {
		t.Errorf("another tenant's is %+v, %v", other, err)
	}
	turned, err := s.RotateApp(ctx, Origin{By: "key:1"}, "a")
	if err != nil || turned.ID != first.ID || turned.Secret == first.Secret || turned.VerifyToken == first.VerifyToken || !turned.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("rotated it is %+v, %v", turned, err)
	}
	if again, err := s.App(ctx, "a"); err != nil || again != turned {
		t.Errorf("after that it is %+v, %v", again, err)
	}
	log, err := s.ListAudit(ctx, AuditFilter{Tenant: "a", Action: ActionAppRotate, Limit: 5})
	if err != nil || len(log) != 1 {
		t.Errorf("the audit log has %+v, %v", log, err)
	}
	for _, err := range []error{second(s.App(ctx, "nobody")), second(s.RotateApp(ctx, Origin{}, "nobody"))} {
		if engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("a tenant that is not there: %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A secret that was changed in the file costs its tenant the app until it is rotated.
func TestADamagedAppIsRotated(t *testing.T) {
	s := openSealed(t, t.TempDir(), seal.Keys{Current: seal.NewKey()})
	defer s.Close()
	graphTenants(t, s, "a", "b")
	first, err := s.App(t.Context(), "a")
	succeed(t, err)
	var stored string
	succeed(t, s.read.QueryRow(`SELECT secret FROM apps`).Scan(&stored))
	if stored == first.Secret {
		t.Error("the secret is stored plain")
	}
	if _, err := s.App(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	succeed(t, s.update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE apps SET secret = (SELECT secret FROM apps WHERE tenant_id = 'b') WHERE tenant_id = 'a'`)
		return err
	}))
	if _, err := s.App(t.Context(), "a"); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("another's secret: %v", err)
	}
	turned, err := s.RotateApp(t.Context(), Origin{By: ActorOperator}, "a")
	succeed(t, err)
	if again, err := s.App(t.Context(), "a"); err != nil || again != turned {
		t.Errorf("rotated: %+v, %v", again, err)
	}
}
